"""Texts to features: pretrained transformers and term counts, with a cache on disk."""

from typing import Final

from graphtune.encoder.by_name import from_name
from graphtune.encoder.cache import Cache
from graphtune.encoder.cached import cached_blocks, cached_encode
from graphtune.encoder.encoder import BlockEncoder, Encoder, FittedEncoder
from graphtune.encoder.tfidf import FittedTfidf, Tfidf
from graphtune.encoder.transformer import Transformer

ALL: Final = (Transformer, Tfidf)

__all__ = [
    "ALL",
    "BlockEncoder",
    "Cache",
    "Encoder",
    "FittedEncoder",
    "FittedTfidf",
    "Tfidf",
    "Transformer",
    "cached_blocks",
    "cached_encode",
    "from_name",
]
