"""What a number of a module is for."""

from typing import Final, Literal

Purpose = Literal["tune", "prune", "quantise"]
PURPOSES: Final[tuple[Purpose, ...]] = ("tune", "prune", "quantise")
