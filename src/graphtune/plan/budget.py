"""The time a fit may take, as people write it."""

import math
import re

from graphtune.errors import PlanError

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_WRITTEN = re.compile(r"(?:(?P<h>[\d.]+)h)?(?:(?P<m>[\d.]+)m)?(?:(?P<s>[\d.]+)s?)?", re.ASCII)
_FIX = "write seconds, or a number with h, m or s: 90, 90s, 5m, 1h, 1h30m."


def seconds(text: str) -> float:
    """Return the seconds of such as ``90``, ``90s``, ``5m``, ``1h`` or ``1h30m``.

    Raises:
        PlanError: it is written in no such way, or is no time at all.
    """
    plain = "".join(text.split()).lower()
    found = _WRITTEN.fullmatch(plain)
    if found is None or not plain:
        raise PlanError(f"The budget {text!r} is no time.", fix=_FIX)
    try:
        total = sum(float(found[unit]) * size for unit, size in _UNITS.items() if found[unit] is not None)
    except ValueError:
        raise PlanError(f"The budget {text!r} is no time.", fix=_FIX) from None
    if total <= 0 or not math.isfinite(total):
        raise PlanError(f"The budget {text!r} leaves no time to do anything.", fix=_FIX)
    return total
