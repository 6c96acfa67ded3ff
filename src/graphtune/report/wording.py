"""Numbers and sentences that page, card and terminal share."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphtune.select import Figures, GraphReport, Outcome, Scored
    from graphtune.select.outcome import ClassFigures

NOTHING = "–"
FAMILIES = {
    "graph-free": "reads each text alone",
    "graph": "spreads evidence over the graph of texts",
    "network": "trains a graph neural network over the texts",
}
_MINUS = "\N{MINUS SIGN}"


def known(value: float | None) -> bool:
    """Say whether there is a number to show."""
    return value is not None and math.isfinite(value)


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share 0 … 1 as such as ``84.1%``."""
    return f"{value:.{digits}%}" if value is not None and math.isfinite(value) else NOTHING


def points(value: float | None) -> str:
    """Return points of accuracy with their sign, such as ``+4.2``."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(value, 1)
    sign = "+" if rounded > 0 else _MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.1f}"


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a plain number."""
    return f"{value:.{digits}f}" if value is not None and math.isfinite(value) else NOTHING


def duration(seconds: float | None) -> str:
    """Return such as ``0.4 s``, ``42 s`` or ``1 min 12 s``."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return such as ``1 row`` or ``2,000 rows``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def by_accuracy(outcome: "Outcome") -> list["Scored"]:
    """Return the candidates, best first; then those that were given up, and those never run."""

    def place(one: "Scored") -> tuple[bool, bool, float, bool]:
        # Of one that was given up only some folds are known: its accuracy is no match for the others'.
        accuracy = one.accuracy if scored(one) else 0.0
        return not scored(one), bool(one.note), -accuracy, one.name != outcome.chosen

    return sorted(outcome.candidates, key=place)


def scored(candidate: "Scored") -> bool:
    """Say whether the candidate was run on held-out rows at all."""
    return candidate.folds > 0 and known(candidate.accuracy)


def chosen(outcome: "Outcome") -> "Scored | None":
    """Return the candidate that was saved, if it is among those compared."""
    return next((one for one in outcome.candidates if one.name == outcome.chosen), None)


def headline(outcome: "Outcome") -> str:
    """Say in one sentence how good the saved model is."""
    if has_test(outcome) and outcome.test is not None:
        texts = counted(outcome.test.rows, "test text")
        if outcome.measure != "accuracy":
            return f"Micro-F1 {percent(outcome.test.accuracy)} on {texts}"
        verb = "is" if outcome.test.rows == 1 else "are"
        return f"{percent(outcome.test.accuracy)} of {texts} {verb} labelled right"
    best = chosen(outcome)
    if best is not None and scored(best):
        if outcome.measure != "accuracy":
            return f"Micro-F1 {percent(best.accuracy)} on held-out texts"
        return f"{percent(best.accuracy)} of held-out texts are labelled right"
    return "The model was saved without a measured accuracy"


def uncertainty(outcome: "Outcome") -> str:
    """Say how sure the headline is."""
    if has_test(outcome) and outcome.test is not None:
        low, high = percent(outcome.test.accuracy_low), percent(outcome.test.accuracy_high)
        used = "of these texts was" if outcome.protocol == "inductive" else "of their labels was"
        return f"95% interval {low} to {high}; none {used} used to train or to choose the model."
    best = chosen(outcome)
    if best is not None and scored(best):
        error = f"Standard error {decimal(100 * best.standard_error, 1)} points"
        return f"{error}, over {counted(best.folds, 'held-out part')}; there were no labelled test rows."
    return "There were no labelled test rows."


def has_test(outcome: "Outcome") -> bool:
    """Say whether the saved model was measured on test rows."""
    return outcome.test is not None and outcome.test.rows > 0 and known(outcome.test.accuracy)


def surely_helps(outcome: "Outcome") -> bool:
    """Say whether the graph is used and its whole interval on the held-out rows is above zero."""
    return outcome.verdict.graph_helps and outcome.verdict.gain_low > 0


def gain_title(outcome: "Outcome") -> str:
    """Say whether the graph helps, in a few words."""
    if outcome.verdict.asked:
        return "What was asked for is saved"
    if outcome.verdict.graph_helps:
        return "The graph helps" if surely_helps(outcome) else "The graph is used, though not sure to help"
    best = chosen(outcome)
    saved = " The graph-free model was saved." if best is None or best.family == "graph-free" else ""
    return f"The graph does not help here.{saved}"


def gain_on_test(outcome: "Outcome") -> str:
    """Say by how much the graph helps on the test rows; nothing if there are none."""
    if outcome.test_gain is None or not all(map(known, outcome.test_gain)):
        return ""
    value, low, high = outcome.test_gain
    return (
        f"On the test texts, the best model with a graph against the best without: {points(value)} points "
        f"of {outcome.measure} (95% interval {points(low)} to {points(high)})."
    )


def protocol_lines(outcome: "Outcome") -> list[str]:
    """Say who saw what, and how the model was chosen."""
    if outcome.protocol == "transductive":
        seen = (
            "Transductive: the unlabelled texts of the test rows were in the graph during training; "
            "their labels were not."
        )
    else:
        seen = (
            "Inductive: graph, vocabulary and every choice saw training and unlabelled rows only; "
            "test texts were attached to the finished graph."
        )
    return [
        seen,
        f"Selection: {outcome.selection.rstrip('.')}. With more than 50 labelled texts a class, a graph is "
        "used only where it labels more of these rows right than the best model without one, by more than "
        "one standard error. With 50 or fewer, these rows seldom tell: the usual choice is the mean of "
        "models over all graphs, without the worst where the mean is better for it. It is given up, for "
        "another model or for no graph, only for one whose likelihood leads by more than two standard "
        "errors (by Student's t, and never on the word of fewer than six rows).",
        "Labels of test rows were read once, after everything was chosen, for the figures above."
        if has_test(outcome)
        else "No figure here is of texts that played no part in the choice: held-out "
        f"{outcome.measure} is slightly "
        "optimistic.",
        f"Encoder {outcome.encoder}, seed {outcome.seed}.",
    ]


def rows_lines(outcome: "Outcome") -> list[tuple[str, int]]:
    """Return how many rows there were of which kind."""
    names = {
        "labelled": "labelled training rows",
        "unlabelled": "unlabelled training rows",
        "val": "validation rows",
        "test": "test rows",
    }
    return [(names.get(kind, kind), count) for kind, count in outcome.rows.items()]


def graph_line(graph: "GraphReport") -> str:
    """Say of one graph how many of its edges join equal labels."""
    size = f"{counted(graph.nodes, 'node')}, {counted(graph.edges, 'edge')}"
    if not known(graph.homophily):
        return f"{size}; no edge joins two labelled texts"
    chance = f" (by chance {percent(graph.expected, 0)})" if known(graph.expected) else ""
    joined = counted(graph.labelled_edges, "edge")
    return (
        f"{size}; of {joined} between labelled texts {percent(graph.homophily, 0)} join equal labels{chance}"
    )


def calibration_line(outcome: "Outcome") -> str:
    """Say how far confidences can be believed."""
    if outcome.measure != "accuracy":
        return (
            "A text has the labels whose probability is above their threshold; thresholds were chosen on "
            "held-out rows for the best micro-F1, those of rare labels near the common one."
        )
    temperature = f"Probabilities were calibrated on held-out rows (temperature {outcome.temperature:.2f})."
    if not has_test(outcome) or outcome.test is None:
        return temperature
    return (
        f"{temperature} On the test rows, confidence and accuracy differ by "
        f"{decimal(100 * outcome.test.ece, 1)} points on average (expected calibration error "
        f"{decimal(outcome.test.ece)})."
    )


def unknown_lines(outcome: "Outcome") -> list[str]:
    """Say how texts of no class are told, and how well; nothing where they cannot be."""
    one = outcome.unknown
    if one is None:
        return []
    lines = [
        "Where it is asked for, texts whose unknown score is above "
        f"{decimal(one.threshold, 2)} are taken to be of no class: {percent(one.kept)} of "
        f"{counted(one.known, 'held-out text')} of the classes keep theirs."
    ]
    if one.caught is not None:
        lines.append(f"Of {counted(one.examples, 'example')} of no class, {percent(one.caught)} are told.")
    test = one.test
    if test is not None:
        interval = f"95% interval {percent(test.auroc_low)} to {percent(test.auroc_high)}"
        known = counted(test.known, "test text")
        lines.append(
            f"On {known} of the classes and {test.unknown:,} of no class, the AUROC of the score is "
            f"{percent(test.auroc)} ({interval}); {percent(test.recall)} of no class are told, and "
            f"{percent(test.kept)} of the others keep their class."
        )
    return lines


def confused(outcome: "Outcome", most: int) -> list[tuple[str, str, int, int]]:
    """Return the most frequent errors: true class, predicted class, rows, rows of the true class."""
    if outcome.confusion is None:
        return []
    names = confusion_names(outcome)
    found = [
        (names[true], names[predicted], count, sum(row))
        for true, row in enumerate(outcome.confusion)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    return sorted(found, key=lambda pair: (-pair[2], -pair[2] / pair[3], pair[:2]))[:most]


def worst_first(outcome: "Outcome") -> "list[ClassFigures]":
    """Return the classes that occur among the test rows, the lowest F1 first."""
    rows = [row for row in outcome.per_class or () if row.support]
    return sorted(rows, key=lambda row: (row.f1, -row.support, row.name))


def figures_rows(outcome: "Outcome") -> list[tuple[str, "Figures"]]:
    """Return what was measured on the test rows, the saved model first."""
    named = (("saved model", outcome.test), ("best without a graph", outcome.test_graph_free))
    return [(name, figures) for name, figures in named if figures is not None and figures.rows]


def confusion_names(outcome: "Outcome") -> list[str]:
    """Return the names of the rows and columns of the confusion matrix.

    Labels that training never saw come after the model's classes.
    """
    size = len(outcome.confusion or ())
    extra = [row.name for row in (outcome.per_class or ())[len(outcome.classes) :]]
    names = [*outcome.classes, *extra]
    return [*names, *(f"class {number}" for number in range(len(names), size))][:size]
