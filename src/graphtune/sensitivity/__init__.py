"""What each module of an encoder is worth, measured: tuned alone, pruned, quantised."""

from graphtune.sensitivity.head import fit_head
from graphtune.sensitivity.measure import measured, with_measured
from graphtune.sensitivity.probe import Probe
from graphtune.sensitivity.settings import Probing

__all__ = ["Probe", "Probing", "fit_head", "measured", "with_measured"]
