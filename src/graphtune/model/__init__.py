"""What learns, and what it learns from: networks over a graph, those beside an encoder, and encoders."""

from graphtune.model.graph import Batch, Model, Task
from graphtune.model.problem import Learner, Problem, Step
from graphtune.model.side import AdapterRung, LadderRung, SideNetwork
from graphtune.model.text import TextBatch, TextModel, TextTask

__all__ = [
    "AdapterRung",
    "Batch",
    "LadderRung",
    "Learner",
    "Model",
    "Problem",
    "SideNetwork",
    "Step",
    "Task",
    "TextBatch",
    "TextModel",
    "TextTask",
]
