"""What learns, and what it learns from: networks over a graph, those beside an encoder, and encoders."""

from graphtune.model.coupled import CoupledModel
from graphtune.model.graph import Batch, Model, Task
from graphtune.model.pairs import PairBatch, PairTask
from graphtune.model.problem import Layered, Learner, NodeProblem, Problem, Step
from graphtune.model.side import AdapterRung, LadderRung, SideNetwork
from graphtune.model.text import TextBatch, TextModel, TextTask
from graphtune.model.text_gcn import WordsBatch, WordsNetwork, WordsTask
from graphtune.model.window import WindowBatch, WindowNetwork, WindowTask

__all__ = [
    "AdapterRung",
    "Batch",
    "CoupledModel",
    "LadderRung",
    "Layered",
    "Learner",
    "Model",
    "NodeProblem",
    "PairBatch",
    "PairTask",
    "Problem",
    "SideNetwork",
    "Step",
    "Task",
    "TextBatch",
    "TextModel",
    "TextTask",
    "WindowBatch",
    "WindowNetwork",
    "WindowTask",
    "WordsBatch",
    "WordsNetwork",
    "WordsTask",
]
