"""The one training loop, its settings and what it leaves behind."""

from graphtune.train.history import Epoch, History, PhaseHistory, Reached
from graphtune.train.loop import train
from graphtune.train.settings import Training

__all__ = ["Epoch", "History", "PhaseHistory", "Reached", "Training", "train"]
