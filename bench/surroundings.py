"""What a figure depends on beside the code: versions and the processor; and when it was measured."""

import datetime
from typing import Any

from graphtune.compare.surroundings import hardware, versions

__all__ = ["date", "facts", "hardware", "versions"]


def date() -> str:
    """Return today's date in UTC."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def facts(*beside: str) -> dict[str, Any]:
    """Return all of them, as a result ends with; ``beside`` as for `versions`."""
    return {**circumstances(*beside), "date": date()}


def circumstances(*beside: str) -> dict[str, Any]:
    """Return those on which figures depend, without the date; ``beside`` as for `versions`."""
    return {"versions": versions(*beside), "hardware": hardware()}
