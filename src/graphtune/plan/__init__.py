"""The written description of a run."""

from graphtune.plan.plan import ClassShares, Plan
from graphtune.plan.toml import from_toml, to_toml

__all__ = ["ClassShares", "Plan", "from_toml", "to_toml"]
