"""Smaller and faster models: pruned, quantised, distilled, exported, and refused where they lose too much."""
