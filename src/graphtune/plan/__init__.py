"""The written description of a run."""

from graphtune.plan.plan import KINDS, ClassShares, Plan, ServeAs, tunable, tunes
from graphtune.plan.toml import from_toml, to_toml

__all__ = ["KINDS", "ClassShares", "Plan", "ServeAs", "from_toml", "to_toml", "tunable", "tunes"]
