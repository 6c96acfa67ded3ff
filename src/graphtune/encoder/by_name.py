"""The encoder that a name on the command line stands for."""

from pathlib import Path

from graphtune.encoder.directory import MINILM, located
from graphtune.encoder.encoder import Encoder
from graphtune.encoder.onnx import is_exported, located_onnx
from graphtune.encoder.static import Static
from graphtune.encoder.tfidf import Tfidf
from graphtune.encoder.transformer import Transformer
from graphtune.errors import EncoderError


def from_name(name: str) -> Encoder:
    """Return the encoder of a name, checked to be there.

    ``minilm``, a Hugging Face directory or a hub id is a transformer; ``static`` is distilled from
    ``minilm``, ``static:NAME`` from another transformer; ``tfidf`` counts words. A directory that
    ``graphtune compress`` made of an encoder is that encoder, exported.

    Raises:
        EncoderError: there is no such encoder (the nearest name is given), it is incomplete or altered, or
            the hub cannot be reached.
        MissingExtraError: it was exported, and ONNX Runtime is not installed.
    """
    if name == "tfidf":
        return Tfidf()
    kind, colon, source = name.partition(":")
    if kind == "static":
        source = source if colon else MINILM
        if source in ("", "static", "tfidf"):
            raise EncoderError(
                f"No encoder '{name}': after 'static:' comes the transformer to distil.",
                fix="give 'static', or 'static:' and a directory with a Hugging Face model or a hub id.",
            )
        located(source)
        return Static(source)
    if is_exported(Path(name).expanduser()):
        return located_onnx(name)
    located(name)
    return Transformer(name)
