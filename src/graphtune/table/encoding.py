"""Guessing what encoding a text is in that is not UTF-8."""

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def likely_encoding(raw: bytes) -> str:
    """Name the likeliest of UTF-16, GB18030 and Latin-1 for bytes that are not UTF-8.

    Chinese text in GB18030 is runs of bytes above 0x7F; in Latin-1 such bytes mostly stand alone.
    """
    if raw.startswith(UTF16_MARKS) or raw.count(0) > len(raw) // 4:
        return "UTF-16"
    try:
        decoded = raw.decode("gb18030")
    except UnicodeDecodeError:
        return "LATIN1"
    chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in decoded)
    high = sum(byte > 0x7F for byte in raw)
    return "GB18030" if _paired(raw) * 2 > high and chinese else "LATIN1"


def conversion(name: str, encoding: str) -> str:
    """Say how to turn the file into UTF-8."""
    return f"save it as UTF-8; it looks like {encoding}: iconv -f {encoding} -t UTF-8 {name} > utf8-copy"


def _paired(raw: bytes) -> int:
    """Count bytes above 0x7F that have a neighbour above 0x7F."""
    return sum(
        byte > 0x7F and (raw[at - 1 : at] > b"\x7f" or raw[at + 1 : at + 2] > b"\x7f")
        for at, byte in enumerate(raw)
    )
