"""Texts of the tiny BERT's vocabulary."""

WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "tree", "quick", "slow", "red", "blue"]


def texts(count: int) -> tuple[str, ...]:
    """Return so many different texts of the tiny vocabulary, of 1 to 40 words."""
    return tuple(
        " ".join(WORDS[(place * step + place // 5) % len(WORDS)] for place in range(1 + (7 * step) % 40))
        + f" {'abcdefghijklmnopqrstuvwxyz'[step % 26]} {'xyzuvw'[step // 26 % 6]}"
        for step in range(count)
    )
