"""The encoder that a name on the command line stands for."""

from graphtune.encoder.directory import located
from graphtune.encoder.encoder import Encoder
from graphtune.encoder.tfidf import Tfidf
from graphtune.encoder.transformer import Transformer


def from_name(name: str) -> Encoder:
    """Return the encoder of ``minilm``, ``tfidf``, a Hugging Face directory or a hub id, checked to be there.

    Raises:
        EncoderError: there is no such encoder (the nearest name is given), it is incomplete or altered, or
            the hub cannot be reached.
    """
    if name == "tfidf":
        return Tfidf()
    located(name)
    return Transformer(name)
