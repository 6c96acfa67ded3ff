"""What a plan's candidates are made of."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TypeVar

_Kind = TypeVar("_Kind")


def within(value: object, kind: type[_Kind]) -> Iterator[_Kind]:
    """Yield everything of a kind that a setting is or holds, in the order of its fields; some maybe twice."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from within(one, kind)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from within(getattr(value, field.name), kind)
