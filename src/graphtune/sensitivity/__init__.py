"""What each module of an encoder is worth, measured: tuned alone, pruned, quantised."""

from graphtune.sensitivity.analysed import Analysed, Rows, analysed, prepared
from graphtune.sensitivity.head import fit_head
from graphtune.sensitivity.measure import EDITION, measured, with_measured
from graphtune.sensitivity.probe import Probe
from graphtune.sensitivity.settings import Probing

__all__ = [
    "EDITION",
    "Analysed",
    "Probe",
    "Probing",
    "Rows",
    "analysed",
    "fit_head",
    "measured",
    "prepared",
    "with_measured",
]
