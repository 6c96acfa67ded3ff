"""Every axis letter that an annotation uses is explained in one place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest

from graphtune.shapes import AXES

SOURCE = Path(__file__).parents[2] / "src/graphtune"
KINDS = {name for name in dir(jaxtyping) if re.fullmatch(r"(Float|Int|UInt|Bool|Shaped|Num|Real)\w*", name)}


def shapes(code: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the axes of each annotated shape, such as ``Float[Tensor, "N F"]``."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Subscript(
                value=ast.Name(id=kind), slice=ast.Tuple(elts=[_, ast.Constant(value=str(axes))])
            ) if kind in KINDS:
                yield node.lineno, axes


def unexplained(axes: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]\w*", axes)) - AXES.keys()


def test_every_letter_in_use_is_in_axes():
    found = [
        (f"{file.relative_to(SOURCE)}:{line}", axes)
        for file in sorted(SOURCE.rglob("*.py"))
        for line, axes in shapes(file.read_text(encoding="utf-8"))
    ]
    assert len(found) > 100
    assert {where: axes for where, axes in found if unexplained(axes)} == {}


@pytest.mark.parametrize("letter", AXES)
def test_letters_are_single_and_explained(letter):
    assert re.fullmatch("[A-Z]", letter)
    assert AXES[letter].strip()


def test_shapes_are_found_where_they_stand():
    code = 'def f(x: Float[Tensor, "N F"], *y: Int64[np.ndarray, " Q"] | None) -> dict[str, "Z"]: ...'
    assert list(shapes(code)) == [(1, "N F"), (1, " Q")]
    assert unexplained(" Q") == {"Q"}
    assert unexplained("*B 2 _ F") == set()
