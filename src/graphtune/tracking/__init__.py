"""Runs told to the trackers that others compare them in: MLflow and TensorBoard."""

from graphtune.tracking.by_name import trackers
from graphtune.tracking.guarded import Guarded
from graphtune.tracking.mlflow import MLflow
from graphtune.tracking.tensorboard import TensorBoard
from graphtune.tracking.tracker import Status, Tracker

__all__ = ["Guarded", "MLflow", "Status", "TensorBoard", "Tracker", "trackers"]
