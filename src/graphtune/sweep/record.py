"""What the study holds, in the words of a search."""

import math
from typing import TYPE_CHECKING, Any

from graphtune.sweep.result import Ended, State
from graphtune.sweep.space import Space
from graphtune.sweep.study import Study, is_given, quiet

if TYPE_CHECKING:
    import optuna

_ENOUGH = 12  # complete trials of one kind from which settings can be told apart


def ended(study: Study, space: Space, since: int = 0) -> tuple[Ended, ...]:
    """Return every trial that is over, from a number on."""
    from optuna.trial import TrialState

    names: dict[TrialState, State] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "given up",
        TrialState.FAIL: "failed",
    }
    every = study.trials.get_trials(deepcopy=False, states=tuple(names))
    return tuple(_ended(trial, names[trial.state], space) for trial in every if trial.number >= since)


def candidate_name(trial: "optuna.trial.FrozenTrial", space: Space) -> str:
    """Return what a trial tried; empty where a kill came before all its settings were drawn."""
    from optuna.trial import FixedTrial

    try:
        return str(space.drawn(FixedTrial(trial.params)).candidate)
    except ValueError:
        return ""


def importance(study: Study, kind: str, seed: int) -> dict[str, float]:
    """Return which share of the differences between complete trials of a kind each setting explains.

    Empty where the trials are too few, or too alike, to tell. Source: functional ANOVA, Hutter et al., ICML
    2014.
    """
    import optuna
    from optuna.trial import TrialState

    every = study.trials.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    trials = [trial for trial in every if trial.params.get("kind") == kind]
    if len(trials) < _ENOUGH:
        return {}
    with quiet():
        part = optuna.create_study(direction=study.trials.direction)
        part.add_trials(trials)
        shared = set.intersection(*(set(trial.params) for trial in trials)) - {"kind"}
        try:
            told = optuna.importance.get_param_importances(
                part, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=seed), params=sorted(shared)
            )
        except (RuntimeError, ValueError):
            return {}
    return {name: float(share) for name, share in told.items() if math.isfinite(share)}


def _ended(trial: "optuna.trial.FrozenTrial", state: State, space: Space) -> Ended:
    told: dict[str, Any] = trial.user_attrs
    unknown = float("nan")
    value = None if state == "failed" else trial.value
    return Ended(
        trial.number,
        state,
        is_given(trial),
        unknown if value is None else value,
        told.get("accuracy", unknown),
        told.get("likelihood", unknown),
        len(trial.intermediate_values),
        told.get("seconds", 0.0),
        candidate_name(trial, space),
        told.get("why", ""),
        dict(trial.params),
    )
