"""What trackers are told of a search."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from graphtune.plan import Plan
from graphtune.run.tracked import settings_of, tags_of
from graphtune.sweep.result import Ended, Found
from graphtune.tracking import Guarded


@dataclass(frozen=True, eq=False)
class Told:
    """One run for the search, one nested in it for each trial, and the trials' figures as a series."""

    trackers: Guarded

    @contextmanager
    def run(self, plan: Plan, asked: dict[str, str], tags: dict[str, str]) -> Iterator[None]:
        """Tell the search that the block runs, and how it ends."""
        self.trackers.begin("search", {**settings_of(plan), **asked}, {**tags_of(plan), **tags})
        try:
            yield
        except BaseException as error:
            self.trackers.end("killed" if isinstance(error, KeyboardInterrupt) else "failed")
            raise
        self.trackers.end("finished")

    def trial(self, trial: Ended, best: float | None) -> None:
        """Tell a trial that has ended, and the best value of all so far."""
        figures = {"value": trial.value, "accuracy": trial.accuracy, "likelihood": trial.likelihood}
        own = {**{f"held_out/{name}": figure for name, figure in figures.items()}, "seconds": trial.seconds}
        tags = {"state": trial.state, "candidate": trial.candidate, "why": trial.why}
        settings = {name: str(value) for name, value in trial.settings.items()}
        self.trackers.begin(f"trial {trial.number}", settings, tags)
        self.trackers.figures({**own, "parts": float(trial.parts)})
        self.trackers.end("finished" if trial.state != "failed" else "failed")
        series = {f"trial/{name}": figure for name, figure in own.items()}
        self.trackers.figures(series if best is None else {**series, "best/value": best}, trial.number)

    def found(self, found: Found, directory: Path) -> None:
        """Tell what came of it."""
        for name, tried in (("best", found.best), ("usual", found.usual)):
            self.trackers.figures(
                {f"{name}/accuracy": tried.accuracy, f"{name}/likelihood": tried.likelihood}
            )
        for file in ("plan.toml", "trials.csv", "search.json"):
            self.trackers.file(directory / file)
