"""No error that a user can cause comes without its fix."""

import inspect

import pytest

from graphtune import errors
from graphtune.errors import GraphtuneError, MissingExtraError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]
WITH_FIX = [cls for cls in CLASSES if cls is not MissingExtraError]


def test_every_error_is_of_the_one_tree():
    assert len(CLASSES) > 5
    assert all(issubclass(cls, GraphtuneError) for cls in CLASSES)


@pytest.mark.parametrize("cls", WITH_FIX)
def test_fix_is_a_required_keyword(cls):
    fix = inspect.signature(cls).parameters["fix"]
    assert fix.kind is inspect.Parameter.KEYWORD_ONLY
    assert fix.default is inspect.Parameter.empty
    with pytest.raises(TypeError, match="fix"):
        cls("What is wrong.")


@pytest.mark.parametrize("cls", WITH_FIX)
def test_message_is_the_problem_and_its_fix(cls):
    error = cls("What is wrong.", fix="mend it.")
    assert str(error) == "What is wrong.\nfix: mend it."
    assert (error.problem, error.fix) == ("What is wrong.", "mend it.")


def test_missing_extra_names_the_line_that_installs_it():
    error = MissingExtraError("pyg", "The exchange with PyG")
    assert error.fix == "pip install 'graphtune[pyg]'"
    assert "The exchange with PyG needs the extra 'pyg'" in error.problem
