"""The written description of a run."""

from graphtune.plan.plan import KINDS, ClassShares, Plan
from graphtune.plan.toml import from_toml, to_toml

__all__ = ["KINDS", "ClassShares", "Plan", "from_toml", "to_toml"]
