"""Which model serves this table best: candidates, folds, the search within a budget, the verdict."""

from graphtune.select.candidate import Candidate, Predictor, served
from graphtune.select.coupled import Coupled
from graphtune.select.data import Data, NewRows
from graphtune.select.distilled import Distilled
from graphtune.select.features import FeatureMaker, Features, View
from graphtune.select.graph_adapter import GraphAdapter
from graphtune.select.graphs import NamedGraph
from graphtune.select.ladder import Ladder
from graphtune.select.majority import Majority
from graphtune.select.mean import Mean
from graphtune.select.mined import Mined
from graphtune.select.nearest import Nearest
from graphtune.select.network import Network
from graphtune.select.outcome import Figures, GraphReport, Outcome, Scored, Verdict
from graphtune.select.probe import Probe
from graphtune.select.propagated import Propagated
from graphtune.select.smoothed import Smoothed
from graphtune.select.taught import Taught
from graphtune.select.text_gcn import TextGCN
from graphtune.select.tuned import Tuned
from graphtune.select.window import Window

ALL = (
    Coupled,
    Distilled,
    GraphAdapter,
    Ladder,
    Majority,
    Mean,
    Mined,
    Nearest,
    Network,
    Probe,
    Propagated,
    Smoothed,
    Taught,
    TextGCN,
    Tuned,
    Window,
)

__all__ = [
    "ALL",
    "Candidate",
    "Coupled",
    "Data",
    "Distilled",
    "FeatureMaker",
    "Features",
    "Figures",
    "GraphAdapter",
    "GraphReport",
    "Ladder",
    "Majority",
    "Mean",
    "Mined",
    "NamedGraph",
    "Nearest",
    "Network",
    "NewRows",
    "Outcome",
    "Predictor",
    "Probe",
    "Propagated",
    "Scored",
    "Smoothed",
    "Taught",
    "TextGCN",
    "Tuned",
    "Verdict",
    "View",
    "Window",
    "served",
]
