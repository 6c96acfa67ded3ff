"""The peak of memory of a training."""

import sys


def own_peak() -> int:
    """Return the most bytes this process has held; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
