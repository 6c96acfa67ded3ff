"""Figures of every epoch as TensorBoard event files."""

import importlib.util
import warnings

from graphtune.errors import MissingExtraError
from graphtune.train.history import Epoch


class Board:
    """Writes event files below a directory.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, directory: str) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise MissingExtraError("tensorboard", "training.tensorboard")
        with warnings.catch_warnings():
            # TensorBoard's own imports warn of what they use.
            warnings.simplefilter("ignore", DeprecationWarning)
            from torch.utils.tensorboard.writer import SummaryWriter

            self.writer = SummaryWriter(directory)

    def add(self, number: int, epoch: Epoch) -> None:
        """Add the figures of an epoch of phase ``number``."""
        figures = {
            "loss": epoch.loss,
            "val_loss": epoch.val_loss,
            "val_accuracy": epoch.val_accuracy,
            "rate": epoch.rate,
        }
        for name, figure in figures.items():
            if figure is not None:
                self.writer.add_scalar(f"{number}-{epoch.phase}/{name}", figure, epoch.epoch)

    def close(self) -> None:
        """Write out what is still in memory."""
        self.writer.close()
