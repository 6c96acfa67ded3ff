"""What a text model puts out, in float32 whatever the hardware is fast at."""

from typing import Any

from jaxtyping import Float32
from torch import Tensor

from graphtune.encoder.pooling import pooled
from graphtune.model import TextBatch, TextModel


def exact_rows(model: TextModel, batch: TextBatch) -> Float32[Tensor, "B F"]:
    """Return the encoder's row of every text; what is compared may differ by less than bfloat16 tells."""
    return pooled(model.encoder(batch.given, batch.mask), batch.mask, model.pooling)


def exact_scores(model: TextModel, batch: TextBatch) -> Float32[Tensor, "B C"]:
    """Return a score for every text and class."""
    return model.scores(exact_rows(model, batch))


def first_of(output: Any) -> Any:
    """Return what a module puts out; of several things the first, which are its states."""
    return output[0] if isinstance(output, tuple) else output
