"""The budgets that plans are held to, and the ways that go by no score of modules."""

from graphtune.structure.purpose import Purpose

LEVELS: dict[Purpose, dict[str, float]] = {
    "tune": {"25%": 0.25, "10%": 0.1},  # share of the parameters that may learn
    "prune": {"30%": 0.7, "50%": 0.5},  # share of the FLOPs that is left
    "quantise": {"int8": 8.0, "8-4": 6.0},  # bits of a matrix on average
}
WHOLE = "whole"  # level of what has no budget
FREE: dict[Purpose, tuple[str, ...]] = {  # of any budget
    "tune": ("full", "head"),
    "prune": ("whole",),
    "quantise": ("whole",),
}
FIXED: dict[Purpose, tuple[str, ...]] = {  # within it, by no score
    "tune": ("last-k", "lora-uniform"),
    "prune": ("groups", "top-blocks"),
    "quantise": ("alike",),
}
REFERENCES: dict[Purpose, tuple[str, ...]] = {  # that the others are held against
    "tune": ("full", "lora-uniform"),
    "prune": ("groups",),
    "quantise": ("uniform",),
}
