"""Figures of every epoch as TensorBoard event files."""

from graphtune.tracking.tensorboard import check_tensorboard, writer
from graphtune.train.history import Epoch


class Board:
    """Writes event files below a directory.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """

    def __init__(self, directory: str) -> None:
        check_tensorboard("training.tensorboard")
        self.writer = writer(directory)

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
