"""An outcome as JSON and back."""

from dataclasses import asdict
from typing import Any

from graphtune.select.outcome import (
    ClassFigures,
    Figures,
    GraphReport,
    Outcome,
    Scored,
    UnknownFigures,
    UnknownReport,
    Verdict,
)


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Return plain dictionaries and lists; what is not a number becomes null."""
    return without_nan(asdict(outcome))


def outcome_from_json(facts: dict[str, Any]) -> Outcome:
    """Return the outcome that `outcome_to_json` wrote.

    Raises:
        KeyError: a field is missing.
    """
    return Outcome(
        **{
            **facts,
            "classes": tuple(facts["classes"]),
            "candidates": tuple(_scored(c) for c in facts["candidates"]),
            "graphs": tuple(GraphReport(**g) for g in facts["graphs"]),
            "verdict": Verdict(**facts["verdict"]),
            "test": _figures(facts["test"]),
            "test_graph_free": _figures(facts["test_graph_free"]),
            "test_gain": None if facts["test_gain"] is None else tuple(facts["test_gain"]),
            "per_class": _rows(facts["per_class"], lambda row: ClassFigures(**row)),
            "confusion": _rows(facts["confusion"], tuple),
            "notes": tuple(facts["notes"]),
            "unknown": _unknown(facts.get("unknown")),
        }
    )


def _scored(facts: dict[str, Any]) -> Scored:
    scores = ("accuracy", "standard_error", "likelihood")
    unknown = {name: float("nan") for name in scores if facts[name] is None}
    return Scored(**{**facts, **unknown, "members": tuple(facts.get("members", ()))})


def _figures(facts: dict[str, Any] | None) -> Figures | None:
    return None if facts is None else Figures(**_with_nan(facts))


def _unknown(facts: dict[str, Any] | None) -> UnknownReport | None:
    if facts is None:
        return None
    test = facts["test"]
    return UnknownReport(**{**facts, "test": None if test is None else UnknownFigures(**_with_nan(test))})


def _with_nan(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: float("nan") if value is None else value for name, value in facts.items()}


def _rows(rows: list[Any] | None, make: Any) -> tuple[Any, ...] | None:
    return None if rows is None else tuple(make(row) for row in rows)


def without_nan(value: Any) -> Any:
    """Return plain dictionaries and lists; what is not a number becomes null."""
    match value:
        case float():
            return value if value == value else None
        case dict():
            return {name: without_nan(inner) for name, inner in value.items()}
        case list() | tuple():
            return [without_nan(inner) for inner in value]
        case _:
            return value
