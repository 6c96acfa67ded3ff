"""graphtune: fine-tune text models with graph neural networks."""

from importlib.metadata import version as _version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphtune.run.classifier import TextClassifier
    from graphtune.run.tune import tune

__version__ = _version("graphtune")
__all__ = ["TextClassifier", "__version__", "tune"]


def __getattr__(name: str) -> object:
    # Late, so that importing graphtune alone loads neither torch nor scikit-learn.
    if name == "TextClassifier":
        from graphtune.run.classifier import TextClassifier

        return TextClassifier
    if name == "tune":
        from graphtune.run.tune import tune

        return tune
    raise AttributeError(f"module 'graphtune' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
