"""Type checks that are made when a function is first called: most are never called by one process."""

import functools
from collections.abc import Callable
from typing import Any

from beartype import beartype


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` checked by beartype, at the cost of a lookup until it is called."""
    made: list[Callable[..., Any]] = []

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        if not made:
            made.append(beartype(function))
        return made[0](*arguments, **named)

    return call
