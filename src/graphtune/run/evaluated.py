"""What the test rows say, once everything is chosen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64

from graphtune.metric import paired_bootstrap
from graphtune.run.figures import class_figures, class_figures_each, confusions, figures, figures_each
from graphtune.run.fitted import FittedModel
from graphtune.run.ready import Ready
from graphtune.select import Figures, Outcome
from graphtune.select.calibration import Calibration
from graphtune.select.standing import Tried
from graphtune.select.thresholds import by_row
from graphtune.select.verdict import Choice


def evaluated(
    model: FittedModel, ready: Ready, choice: Choice, calibration: Callable[[Tried], Calibration]
) -> Outcome:
    """Return the outcome with the figures of the test rows, if any has a label.

    What was chosen, the best without a graph and the best with one are each asked once; ``calibration`` says
    what is done to the probabilities of each.
    """
    judged = ready.tested
    if not len(judged):
        return model.outcome
    new = None if ready.plan.transductive else ready.new(judged)
    truth, place = ready.labels[judged], {int(row): at for at, row in enumerate(ready.nodes)}
    marks = None if ready.marks is None else ready.marks[judged]

    def predict(tried: Tried) -> Float32[np.ndarray, "B C"]:
        fitted = ready.data.fitted(tried.candidate, ready.teach, ready.plan.seed)
        if new is not None:
            return calibration(tried).apply(fitted.attach(ready.data, new))
        return calibration(tried).apply(fitted.at(ready.data, np.array([place[int(row)] for row in judged])))

    def measured(tried: Tried, table: Float32[np.ndarray, "B C"]) -> Figures:
        if marks is None:
            return figures(table, truth)
        return figures_each(table, calibration(tried).claims(table), marks)

    def right(tried: Tried, table: Float32[np.ndarray, "B C"]) -> Float64[np.ndarray, " B"]:
        if marks is None:
            return (table.argmax(axis=1) == truth).astype(np.float64)
        claims = calibration(tried).claims(table)
        return by_row(np.pad(claims, ((0, 0), (0, marks.shape[1] - claims.shape[1]))), marks)

    ours = predict(choice.chosen)
    free, gain = None, None
    if choice.free is not None:
        free = ours if choice.free is choice.chosen else predict(choice.free)
    if choice.graph is not None and choice.free is not None and free is not None:
        with_graph = ours if choice.graph is choice.chosen else predict(choice.graph)
        difference = paired_bootstrap(right(choice.graph, with_graph), right(choice.free, free))
        gain = (100 * difference.value, 100 * difference.low, 100 * difference.high)
    if marks is None:
        wide = np.pad(ours, ((0, 0), (0, len(ready.classes) - ours.shape[1])))
        per_class, table = class_figures(wide, truth, ready.classes), confusions(wide, truth)
    else:
        claims = calibration(choice.chosen).claims(ours)
        per_class, table = class_figures_each(claims, marks, ready.classes), None
    return replace(
        model.outcome,
        test=measured(choice.chosen, ours),
        test_graph_free=None if free is None or choice.free is None else measured(choice.free, free),
        test_gain=gain,
        per_class=per_class,
        confusion=table,
    )
