"""What one cell of a table means, whatever format it came from."""

import datetime
import decimal
import math
import uuid

import numpy as np

_WORDLIKE = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID)


class CellError(ValueError):
    """A cell that cannot mean what its column should; the message says what was seen."""


def as_text(value: object) -> str:
    """Return the text of a cell; a missing one is the empty text.

    Raises:
        CellError: the cell holds a list, a mapping or the like.
    """
    if isinstance(value, str):
        return str(value)
    return _scalar(value) or ""


def as_label(value: object) -> str | None:
    """Return a class name, blanks still around it; None where there is no label.

    Raises:
        CellError: the cell holds a list, a mapping or the like.
    """
    name = str(value) if isinstance(value, str) else _scalar(value)
    return name if name and not name.isspace() else None


def as_labels(value: object, separator: str) -> tuple[str, ...] | None:
    """Return several class names, without blanks around them, in order; None where nothing is known of them.

    A list holds one name each; the names in a text stand between separators. An empty list, or a text of
    separators and blanks alone, says that no label applies; a missing or empty cell says nothing.

    Raises:
        CellError: the cell holds a mapping or the like, or a list with something in it that is no name.
    """
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        names = [as_label(part) for part in value]
    else:
        text = as_label(value)
        if text is None:
            return None
        names = text.split(separator)
    return tuple(sorted({name.strip() for name in names if name and not name.isspace()}))


def as_identifier(value: object) -> str:
    """Return an id as text: 12 and 12.0 are both ``"12"``; a missing one is empty.

    Raises:
        CellError: the cell holds a list, a mapping or the like.
    """
    return as_text(value)


def as_weight(value: object) -> float:
    """Return a weight; a missing one is 1.

    Raises:
        CellError: it is no finite number, or negative.
    """
    text = as_text(value).strip()
    if not text:
        return 1.0
    try:
        number = float(text)
    except ValueError:
        raise CellError(repr(_short(text))) from None
    if not math.isfinite(number) or number < 0:
        raise CellError(text)
    return number


def undecodable(text: str) -> str | None:
    """Name the first byte (or lone surrogate) that is no Unicode text; None if all is well.

    Readers decode with ``surrogateescape``, so that a bad byte is found in the row where it stands.
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        return f"byte 0x{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else f"lone surrogate U+{code:04X}"
    return None


def _scalar(value: object) -> str | None:
    match value:
        case None:
            return None
        case bool() | np.bool_():
            return str(bool(value))
        case int() | np.integer():
            return str(int(value))
        case float() | np.floating():
            number = float(value)
            if math.isnan(number):
                return None
            return str(int(number)) if number.is_integer() else str(value)
        case bytes():
            return value.decode("utf-8", "surrogateescape")
    if isinstance(value, _WORDLIKE):
        return str(value)
    # pandas' NA and NaT are no floats, but like NaN they do not equal themselves.
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise CellError(f"{type(value).__name__} {_short(repr(value))}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
