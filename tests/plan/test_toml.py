from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphtune.errors import PlanError
from graphtune.plan.toml import from_toml, to_toml


@runtime_checkable
class Shape(Protocol):
    def area(self) -> float: ...


@dataclass(frozen=True)
class Square:
    side: float = 1.0

    def __post_init__(self) -> None:
        if self.side < 0:
            raise PlanError(f"side = {self.side} is negative.", fix="use 0 or more.")

    def area(self) -> float:
        return self.side**2


@dataclass(frozen=True)
class Pair:
    left: Shape = Square()
    right: Shape | None = None

    def area(self) -> float:
        return self.left.area() + (self.right.area() if self.right else 0.0)


@dataclass(frozen=True)
class Shapeless:
    side: float = 1.0


class Plain:
    def area(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Inner:
    count: int = 3
    on: bool = False


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner = Inner(count=4)
    shape: Shape = Square()
    shapes: tuple[Shape, ...] = ()
    sort: type[Shape] = Square
    limit: float | None = 1.0
    rows: int | None = None
    note: str | None = None
    weights: Literal["balanced"] | tuple[float, ...] | None = None
    mode: Literal["fast", "slow", 3] = "fast"
    span: tuple[int, float] = (1, 2.0)
    holes: tuple[int | None, ...] = ()
    place: Path = Path("here")
    seen: int = field(default=0, init=False)


KINDS = {Shape: (Square, Pair)}

finite = st.floats(allow_nan=False)
squares = st.builds(Square, st.floats(0.0, 1e300))
shapes = st.recursive(squares, lambda inner: st.builds(Pair, inner, st.none() | inner), max_leaves=4)
words = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text != "none")
outers = st.builds(
    Outer,
    name=words,
    inner=st.builds(Inner, st.integers(-(2**62), 2**62), st.booleans()),
    shape=shapes,
    shapes=st.lists(shapes, max_size=3).map(tuple),
    sort=st.sampled_from([Square, Pair]),
    limit=st.none() | finite,
    rows=st.none() | st.integers(0, 9),
    note=st.none() | words,
    weights=st.none() | st.just("balanced") | st.lists(finite, max_size=3).map(tuple),
    mode=st.sampled_from(["fast", "slow", 3]),
    span=st.tuples(st.integers(0, 9), finite),
    holes=st.lists(st.none() | st.integers(0, 9), max_size=3).map(tuple),
    place=st.sampled_from([Path("a/b"), Path("ü")]),
)


@given(outers)
@settings(max_examples=150, deadline=None)
def test_round_trip(outer):
    assert from_toml(Outer, to_toml(outer), kinds=KINDS) == outer


def mistakes(text: str, cls: type = Outer) -> str:
    with pytest.raises(PlanError) as caught:
        from_toml(cls, text, kinds=KINDS)
    return caught.value.problem


def test_what_is_left_out_takes_the_default():
    assert from_toml(Outer, 'name = "x"', kinds=KINDS) == Outer("x")
    assert from_toml(Outer, 'name = "x"\ninner.on = true', kinds=KINDS) == Outer("x", Inner(on=True))


def test_a_kind_alone_stands_for_its_defaults():
    assert from_toml(Outer, 'name = "x"\nshape = "Pair"', kinds=KINDS) == Outer("x", shape=Pair())


def test_a_strangers_kind_is_found_by_its_module():
    outer = Outer("x", shape=Square(2.0))
    text = to_toml(outer)
    assert f'kind = "{Square.__module__}:Square"' in text
    assert from_toml(Outer, text, kinds={Shape: ()}) == outer


def test_every_mistake_is_reported_with_its_path():
    problem = mistakes(
        """
        nmae = "x"
        limit = "much"
        mode = "fats"
        span = [1]
        holes = [1, "two"]
        weights = "balance"
        sort = "square"
        inner = { count = 1.5, on = 1, size = 3 }
        shape = { kind = "Squre", side = 2 }
        shapes = [{ kind = "Square", side = -1.0 }, { side = 1.0 }, 5]
        """
    )
    lines = problem.splitlines()
    assert lines[0] == "The plan has 15 mistakes:"
    expected = {
        "  nmae: there is no such key; did you mean 'name'?",
        "  name: is missing; it takes text.",
        "  limit: 'much' does not fit; it takes a number or \"none\".",
        "  mode: 'fats' does not fit (did you mean 'fast'?); it takes 'fast' or 'slow' or 3.",
        "  span: [1] does not fit; it takes a list of 2, each a whole number then a number.",
        "  holes[1]: 'two' does not fit; it takes a whole number or \"none\".",
        "  weights: 'balance' does not fit (did you mean 'balanced'?); it takes 'balanced' or a list, each a "
        'number or "none".',
        "  sort: 'square' is no Shape; did you mean 'Square'?",
        "  inner.count: 1.5 does not fit; it takes a whole number.",
        "  inner.on: 1 does not fit; it takes true or false.",
        "  inner.size: there is no such key; valid are count, on.",
        "  shape.kind: 'Squre' is no Shape; did you mean 'Square'?",
        "  shapes[0]: side = -1.0 is negative. use 0 or more.",
        "  shapes[1].kind: is missing; it takes a kind (Pair, Square, or package.module:Class).",
        "  shapes[2]: 5 does not fit; it takes a kind (Pair, Square, or package.module:Class).",
    }
    assert set(lines[1:]) == expected


def test_a_mistake_inside_an_optional_table_keeps_its_path():
    problem = mistakes('left.kind = "Square"\nright = { kind = "Square", sied = 1.0 }', Pair)
    assert problem == "The plan has a mistake:\n  right.sied: there is no such key; did you mean 'side'?"


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("no_such_module_anywhere:Square", "cannot be imported"),
        (f"{__name__}:Sqare", "did you mean 'Square'?"),
        (f"{__name__}:Plain", "is not a dataclass"),
        (f"{__name__}:Shapeless", "is no Shape"),
        ("Triangle", "valid are Pair, Square"),
    ],
)
def test_kinds_that_are_not_there_or_do_not_fit(kind, problem):
    assert problem in mistakes(f'name = "x"\nshape.kind = "{kind}"')


def test_what_is_not_toml_is_said_with_its_line():
    assert "line 2" in mistakes('name = "x"\nlimit = = 3')


def test_whole_numbers_are_read_as_numbers_but_truth_values_are_not():
    read = from_toml(Outer, 'name = "x"\nlimit = 2', kinds=KINDS)
    assert isinstance(read.limit, float)
    assert "takes a number" in mistakes('name = "x"\nlimit = true')


def test_the_text_none_cannot_be_written_where_it_means_no_value():
    assert 'name = "none"' in to_toml(Outer("none"))
    with pytest.raises(PlanError, match="note is the text 'none'"):
        to_toml(Outer("x", note="none"))
