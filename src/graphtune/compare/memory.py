"""Peaks of memory."""

import sys


def own_peak() -> int:
    """Return the most bytes this process has held; 0 where the system does not say."""
    return _peak("RUSAGE_SELF")


def childrens_peak() -> int:
    """Return the most bytes that one of this process's ended children has held; 0 where it is not known."""
    return _peak("RUSAGE_CHILDREN")


def _peak(whose: str) -> int:
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(getattr(resource, whose)).ru_maxrss * unit
