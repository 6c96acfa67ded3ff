"""How a comparison is run."""

from dataclasses import dataclass

from graphtune.errors import PlanError


@dataclass(frozen=True)
class Settings:
    """How a comparison is run.

    Raises:
        PlanError: no seed, no label, no time, or no process.
    """

    seeds: int = 5
    labels: tuple[int | None, ...] = (5, 20, None)  # a class; None = all
    budget_seconds: float = 1800.0  # for all trainings
    limit_seconds: float = 120.0  # for one training
    encoder: str = "minilm"
    transductive: bool = False
    jobs: int | None = None  # trainings at once; None = one for every two cores

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise PlanError(f"{self.seeds} seeds leave nothing to run.", fix="give --seeds 1 or more.")
        wrong = [count for count in self.labels if count is not None and count < 2]
        if wrong or not self.labels:
            said = ", ".join("all" if count is None else str(count) for count in self.labels) or "none"
            raise PlanError(
                f"The label counts ({said}) leave nothing to learn from and to choose by.",
                fix="give numbers from 2 on, or all: --labels 5,20,all.",
            )
        if self.jobs is not None and self.jobs < 1:
            raise PlanError(f"{self.jobs} trainings at once are none.", fix="give --jobs 1 or more.")
        if not (self.budget_seconds > 0 and self.limit_seconds > 0):
            raise PlanError("The budget leaves no time.", fix="give --budget 30m, for instance.")
