"""Batches of texts of nearly one length.

A text shares a batch only with texts whose length rounds up to the same number of tokens, and is padded to
that number: the matrix products that decide its row then have the same inner shapes whatever else is in the
batch, so its row does not depend on its company, nor on what was cached before.
"""

from collections.abc import Iterator, Sequence


def rounded(length: int) -> int:
    """Return what ``length`` tokens are padded to: a multiple of 8, later an eighth more at most."""
    step = 8
    while length > 16 * step:
        step *= 2
    return -(-length // step) * step


def buckets(lengths: Sequence[int], tokens: int) -> Iterator[tuple[int, list[int]]]:
    """Yield a padded length and the texts of a batch of at most ``tokens`` tokens, longest first.

    The longest come first so that lack of memory shows at once.
    """
    by_length: dict[int, list[int]] = {}
    for text, length in enumerate(lengths):
        by_length.setdefault(rounded(length), []).append(text)
    for padded in sorted(by_length, reverse=True):
        texts = by_length[padded]
        rows = max(1, tokens // padded)
        for start in range(0, len(texts), rows):
            yield padded, texts[start : start + rows]
