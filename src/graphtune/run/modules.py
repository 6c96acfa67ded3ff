"""The modules by which a saved model reads one text."""

import torch
from torch import nn

from graphtune.encoder import Transformer
from graphtune.encoder.loading import load_model
from graphtune.errors import ModelError
from graphtune.run.fitted import FittedModel
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.network import FittedNetwork
from graphtune.select.probe import FittedProbe
from graphtune.structure import Assembled

_MEANING = "meaning"  # the view that holds the encoder's rows


def modules_of(model: FittedModel) -> Assembled:
    """Return a model's encoder in float32, its pooling, and what reads the encoder's rows.

    That is a network over a graph, or a linear head, tuned or on the frozen encoder. What propagates
    predictions, averages several models, or reads words has no modules of that kind, and is left out.

    Raises:
        ModelError: the model has no encoder with blocks.
        EncoderError: the encoder is not there, incomplete or altered.
    """
    predictor, encoder = model.predictor, model.maker.encoder
    if isinstance(predictor, FittedTuned):
        tuned = predictor.encoder
        return Assembled(predictor.transformer(), tuned.pooled_by, head=predictor.head.linear())
    if not isinstance(encoder, Transformer):
        raise ModelError(
            f"The model has no encoder whose modules could be read: it was fitted with {model.plan.encoder}.",
            fix="name a model that was fitted with a transformer, such as minilm, or name an encoder.",
        )
    inner, pooling = load_model(encoder.directory, torch.float32), encoder.pooled_by
    if isinstance(predictor, FittedNetwork) and predictor.candidate.view == _MEANING:
        return Assembled(inner, pooling, network=predictor.model)
    if isinstance(predictor, FittedProbe) and predictor.candidate.view == _MEANING:
        return Assembled(inner, pooling, head=predictor.head.linear())
    return Assembled(inner, pooling)


def encoder_of(model: FittedModel) -> tuple[Transformer, nn.Module]:
    """Return what tokenises and pools for a model, and its encoder's weights in float32, tuned or not.

    Raises:
        ModelError: the model has no encoder with blocks.
        EncoderError: the encoder is not there, incomplete or altered.
    """
    inner = modules_of(model).encoder.get_submodule("model")
    predictor, encoder = model.predictor, model.maker.encoder
    reads = predictor.encoder if isinstance(predictor, FittedTuned) else encoder
    assert isinstance(reads, Transformer)
    return reads, inner
