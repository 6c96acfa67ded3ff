"""The written description of a run."""

from graphtune.plan.toml import from_toml, to_toml

__all__ = ["from_toml", "to_toml"]
