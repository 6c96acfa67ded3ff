"""Shares as people write them."""


def share_of(text: str, option: str) -> float:
    """Return 0.25 for ``25%`` or ``0.25``.

    Raises:
        PlanError: it is no share, or one of 0 or over 100 %.
    """
    from graphtune.errors import PlanError

    bare = text.strip()
    try:
        share = float(bare[:-1]) / 100 if bare.endswith("%") else float(bare)
    except ValueError:
        raise PlanError(f"{option} {text!r} is no share.", fix="write such as 25%.") from None
    if not 0.0 < share <= 1.0:
        raise PlanError(f"{option} {text} is out of range.", fix="write more than 0 and at most 100%: 25%.")
    return share
