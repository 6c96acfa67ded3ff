"""Made-up outcomes of a fit, every number in them different."""

from dataclasses import replace
from typing import Any

from graphtune.select import Figures, GraphReport, Outcome, Scored, Verdict
from graphtune.select.outcome import ClassFigures

CLASSES = ("<script>alert(1)</script>", "عربي | `x` **b**", "退款 😀 & {{ 7 * 7 }}")


def outcome(**changes: Any):
    """Return an outcome with a test part; ``changes`` replace fields."""
    test = Figures(3_081, 0.8437, 0.8312, 0.8561, 0.8274, 0.0387, 0.6129)
    made = Outcome(
        protocol="inductive",
        encoder="minilm",
        seed=17,
        rows={"labelled": 385, "unlabelled": 9_618, "val": 41, "test": 3_081},
        classes=CLASSES,
        selection="5 stratified folds, once",
        chosen="propagated(enc, meaning15, hops 2) + smooth",
        candidates=(
            Scored("linear(enc)", "graph-free", 0.8085, 0.0091, 0.7213, 5, 1.31),
            Scored("propagated(enc, meaning15, hops 2) + smooth", "graph", 0.8577, 0.0083, 0.5937, 5, 4.44),
            Scored(
                "GCN(enc, meaning15)",
                "network",
                0.8468,
                0.0113,
                0.6651,
                1,
                83.7,
                "given up after 1 of 5 parts",
            ),
            Scored(
                "GAT(<b>enc</b>)",
                "network",
                float("nan"),
                float("nan"),
                float("nan"),
                0,
                0.0,
                "left out: no time",
            ),
        ),
        graphs=(
            GraphReport("meaning", 10_003, 118_714, 0.7342, 1_906, 0.0129),
            GraphReport("given <i>", 10_003, 12, None, 0, None, "12 of 15 links used"),
        ),
        verdict=Verdict(
            True, 4.92, 3.61, 6.23, "The graph helps: +4.9 points (95 % interval +3.6 to +6.2) <em>."
        ),
        test=test,
        test_graph_free=replace(test, accuracy=0.8071, accuracy_low=0.7936, accuracy_high=0.8206, ece=0.0519),
        test_gain=(3.66, 2.71, 4.58),
        per_class=(
            ClassFigures(CLASSES[0], precision=0.911, recall=0.922, f1=0.933, support=1_001),
            ClassFigures(CLASSES[1], precision=0.611, recall=0.622, f1=0.634, support=1_037),
            ClassFigures(CLASSES[2], precision=0.711, recall=0.723, f1=0.736, support=1_043),
        ),
        confusion=((923, 61, 17), (101, 645, 291), (89, 201, 753)),
        temperature=1.37,
        seconds={"read": 0.21, "encode": 38.4, "graphs": 3.31, "select": 21.6, "save": 0.52, "total": 64.9},
        notes=("guess: the text column is 'text'", "warning: 2 texts <img src=x onerror=alert(2)> twice"),
    )
    return replace(made, **changes)


def many(classes: int):
    """Return an outcome with that many classes."""
    names = tuple(f"class number {number} 类" for number in range(classes))
    per_class = tuple(
        ClassFigures(name, precision=0.5, recall=0.5, f1=number / classes, support=10)
        for number, name in enumerate(names)
    )
    confusion = tuple(
        tuple(9 if at == number else int(at == (number + 1) % classes) for at in range(classes))
        for number in range(classes)
    )
    return outcome(classes=names, per_class=per_class, confusion=confusion)


def untested(**changes: Any):
    """Return an outcome without test rows."""
    none = dict.fromkeys(("test", "test_graph_free", "test_gain", "per_class", "confusion"))
    return outcome(**{**none, "rows": {"labelled": 40, "unlabelled": 0, "val": 0, "test": 0}, **changes})
