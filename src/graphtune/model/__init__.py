"""What learns, and what it learns from: networks over the nodes of a graph, and encoders of texts."""

from graphtune.model.graph import Batch, Model, Task
from graphtune.model.problem import Learner, Problem, Step
from graphtune.model.text import TextBatch, TextModel, TextTask

__all__ = ["Batch", "Learner", "Model", "Problem", "Step", "Task", "TextBatch", "TextModel", "TextTask"]
