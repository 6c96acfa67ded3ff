"""The trials of a search on disk: a study of Optuna in one SQLite file, valid for one fingerprint.

Source: the tree-structured Parzen estimator, Bergstra et al., NeurIPS 2011, sections 4 and 5; several
parameters at once: Falkner et al., ICML 2018, arXiv:1807.01774, section 3.
"""

import hashlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphtune.artefact import check_directory, locked, written
from graphtune.errors import MissingExtraError, OutputError

if TYPE_CHECKING:
    import optuna

_NAME = "graphtune"
_RANDOM_FIRST = 5  # trials drawn without a model of what was found
_WHY = "why"  # attribute of a trial that has no value

Direction = Literal["minimize", "maximize"]


def check_optuna() -> None:
    """See that Optuna is there.

    Raises:
        MissingExtraError: it is not.
    """
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtraError("search", "graphtune search")


def check_place(directory: Path) -> None:
    """Refuse a place that holds anything but a search of ours.

    Raises:
        OutputError: it has other files in it, it or a part of its path is a file, or there is no permission.
    """
    check_directory(directory, "fingerprint", "graphtune search")


@dataclass(frozen=True, eq=False)
class Study:
    """A study, and what every trial is drawn by."""

    trials: "optuna.Study"
    seed: int

    @property
    def finished(self) -> "list[optuna.trial.FrozenTrial]":
        """The trials that count, in the order of their numbers: complete, or given up as worse."""
        from optuna.trial import TrialState

        return self.trials.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))

    def drawn(self, fixed: Mapping[str, Any] | None) -> "optuna.Trial":
        """Begin a trial; ``fixed`` = its parameters, where they are not to be drawn.

        Each trial has a random generator of its own, which depends on the seed and on how many trials have
        finished: one that a kill cut short is drawn again as it was.
        """
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        done = len(self.finished)
        with quiet():
            self.trials.sampler = TPESampler(
                seed=int.from_bytes(
                    hashlib.blake2b(repr((self.seed, done)).encode(), digest_size=4).digest()
                ),
                multivariate=True,
                group=True,
                constant_liar=False,
                n_startup_trials=self._given + _RANDOM_FIRST,
            )
            if fixed is not None and not self.trials.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                self.trials.enqueue_trial(dict(fixed))
            return self.trials.ask()

    @property
    def _given(self) -> int:
        return sum(is_given(trial) for trial in self.finished)

    def complete(self, trial: "optuna.Trial", value: float) -> None:
        """End a trial with a value."""
        with quiet():
            self.trials.tell(trial, value)

    def give_up(self, trial: "optuna.Trial", why: str) -> None:
        """End a trial that is worse than others by what was reported, or that cannot be carried out."""
        from optuna.trial import TrialState

        with quiet():
            trial.set_user_attr(_WHY, why)
            self.trials.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: "optuna.Trial", why: str) -> None:
        """End a trial that was cut short: it does not count, and nothing is learned from it."""
        from optuna.trial import TrialState

        with quiet():
            trial.set_user_attr(_WHY, why)
            self.trials.tell(trial, state=TrialState.FAIL)


def is_given(trial: "optuna.trial.FrozenTrial") -> bool:
    """Say whether a trial's settings were those of `fit` rather than drawn."""
    return "fixed_params" in trial.system_attrs


@contextmanager
def opened(directory: Path, fingerprint: str, direction: Direction, seed: int) -> Iterator[Study]:
    """Open the study in ``directory``, or begin one; trials that a kill left running are marked as failed.

    Raises:
        OutputError: the directory holds other files, a search of another fingerprint or a damaged one, or is
            being searched in by another process, or cannot be written to.
        MissingExtraError: Optuna is not installed.
    """
    check_optuna()
    check_place(directory)
    with locked(directory, "search"):
        _check_fingerprint(directory, fingerprint)
        with _stored(directory / "study.sqlite", direction) as study:
            yield Study(study, seed)


def _check_fingerprint(directory: Path, fingerprint: str) -> None:
    mark = directory / "fingerprint"
    if not mark.is_file():
        with written(mark) as partial:
            partial.write_text(fingerprint, encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != fingerprint:
        raise OutputError(
            f"{directory} holds a search of another table, of other links or settings (encoder, seed, "
            "space), or by another version of graphtune; it was left as it is.",
            fix="choose another directory: --into DIR.",
        )


@contextmanager
def _stored(file: Path, direction: Direction) -> "Iterator[optuna.Study]":
    with quiet():
        import optuna
        import sqlalchemy.event
        import sqlalchemy.exc
        from optuna.trial import TrialState

        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{file}", {"connect_args": {"timeout": 60.0}})
            sqlalchemy.event.listen(storage.engine, "connect", _write_ahead)
            storage.engine.dispose()  # so that the next connection is the first to be told
            study = optuna.create_study(
                storage=storage, study_name=_NAME, direction=direction, load_if_exists=True
            )
            for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                storage.set_trial_user_attr(trial._trial_id, _WHY, "killed")
                study.tell(trial.number, state=TrialState.FAIL)
        except (sqlalchemy.exc.DatabaseError, RuntimeError, ValueError) as error:
            raise OutputError(
                f"The search in {file} cannot be read: {str(error).splitlines()[0]}.",
                fix="choose another directory: --into DIR.",
            ) from error
    try:
        yield study
    except optuna.exceptions.StorageInternalError as error:
        raise OutputError(
            f"The search in {file} cannot be written to: {str(error.__cause__ or error).splitlines()[0]}.",
            fix="make room on its disk, and run the same command again to go on.",
        ) from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _write_ahead(connection: Any, _: object) -> None:
    # A trial is some thirty small writes: as safe against a kill, without waiting for the disk at each.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna's log and its notes on experimental parts from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        yield
