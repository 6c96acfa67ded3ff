"""How sensitivities are measured."""

from dataclasses import dataclass

from graphtune.errors import PlanError


@dataclass(frozen=True)
class Probing:
    """What is done to each module, and on how many texts it is judged.

    Raises:
        PlanError: a value is out of its range.
    """

    # Of tuning, 0 = none is tried; where there are fewer texts than they read, these are read again.
    steps: int = 8
    batch_rows: int = 16  # texts of a step
    rate: float = 5e-4  # AdamW step size of the module
    head_rate: float = 1e-3  # and of the head, which is fitted already
    pruned: float = 0.5  # share of the units that is set to zero
    bits: int = 4  # that weights are rounded to
    val_rows: int = 256  # validation texts at most
    seed: int = 0  # of which texts are taken, and of their order

    def __post_init__(self) -> None:
        limits = {
            "steps": (self.steps >= 0, "0 or more"),
            "batch_rows": (self.batch_rows >= 1, "1 or more"),
            "rate": (self.rate > 0, "more than 0"),
            "head_rate": (self.head_rate > 0, "more than 0"),
            "pruned": (0 < self.pruned < 1, "more than 0 and less than 1"),
            "bits": (2 <= self.bits <= 16, "2 to 16"),
            "val_rows": (self.val_rows >= 1, "1 or more"),
        }
        wrong = [name for name, (right, _) in limits.items() if not right]
        if wrong:
            raise PlanError(
                "; ".join(f"{name} = {getattr(self, name)!r} is out of range" for name in wrong) + ".",
                fix="; ".join(f"{name}: {limits[name][1]}" for name in wrong) + ".",
            )
