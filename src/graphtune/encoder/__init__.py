"""Texts to features: pretrained transformers, tokens distilled from them and term counts, with a cache."""

from typing import Final

from graphtune.encoder.by_name import from_name
from graphtune.encoder.cache import Cache
from graphtune.encoder.cached import cached_blocks, cached_encode, uncached
from graphtune.encoder.encoder import BlockEncoder, Encoder, FittedEncoder
from graphtune.encoder.onnx import Onnx
from graphtune.encoder.read import read_blocks
from graphtune.encoder.static import FittedStatic, Static
from graphtune.encoder.tfidf import FittedTfidf, Tfidf
from graphtune.encoder.transformer import Transformer
from graphtune.encoder.upper import upper_blocks

ALL: Final = (Transformer, Static, Tfidf)

__all__ = [
    "ALL",
    "BlockEncoder",
    "Cache",
    "Encoder",
    "FittedEncoder",
    "FittedStatic",
    "FittedTfidf",
    "Onnx",
    "Static",
    "Tfidf",
    "Transformer",
    "cached_blocks",
    "cached_encode",
    "from_name",
    "read_blocks",
    "uncached",
    "upper_blocks",
]
