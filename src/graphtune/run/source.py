"""What a name on the command line stands for: a saved model, or an encoder by itself."""

from pathlib import Path

from graphtune.encoder import Encoder, from_name
from graphtune.encoder.onnx import FACTS
from graphtune.errors import ModelError
from graphtune.run.fitted import FittedModel
from graphtune.run.saved import MANIFEST, load

_MARKS = ("config.json", "0_Transformer", FACTS)  # one of them lies in an encoder's directory


def model_or_encoder(source: str) -> FittedModel | Encoder:
    """Read a model that fit has written; else return the encoder of that name, directory or hub id.

    Raises:
        ModelError: a directory that is neither; a model that is incomplete, altered or too new.
        EncoderError: no such encoder, or it is incomplete or altered.
        MissingExtraError: what was exported cannot be run here.
    """
    place = Path(source).expanduser()
    if (place / MANIFEST).is_file():
        return load(place)
    if place.is_dir() and not any((place / name).exists() for name in _MARKS):
        raise ModelError(
            f"{source} is neither a model that fit has written nor an encoder: it has no {MANIFEST} and no "
            "config.json.",
            fix="name a directory that fit has written, an encoder's directory, or minilm.",
        )
    return from_name(source)
