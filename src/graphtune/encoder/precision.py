"""Which device and number format encoding runs in."""

from typing import Literal

import torch

from graphtune.errors import EncoderError
from graphtune.processor import fast_bfloat16

Precision = Literal["auto", "float32", "bfloat16"]
_FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def chosen_device(device: str) -> torch.device:
    """Return the named device; ``auto`` is a GPU where there is one.

    Raises:
        EncoderError: no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise EncoderError(
            f"encoder.device = {device!r} cannot be used: {str(error).splitlines()[0]}",
            fix="use 'auto' or 'cpu'.",
        ) from error


def chosen_format(precision: str, device: torch.device) -> torch.dtype:
    """Return the number format; ``auto`` is bfloat16 where the processor computes in it.

    Raises:
        EncoderError: no such precision.
    """
    if precision == "auto":
        return torch.bfloat16 if fast_bfloat16(device) else torch.float32
    if precision not in _FORMATS:
        raise EncoderError(
            f"encoder.precision = {precision!r} is not a precision.",
            fix="use 'auto', 'float32' or 'bfloat16'.",
        )
    return _FORMATS[precision]
