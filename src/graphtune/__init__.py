"""graphtune: fine-tune text models with graph neural networks."""

from importlib.metadata import version as _version

__version__ = _version("graphtune")
