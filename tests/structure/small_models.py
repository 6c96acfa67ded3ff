"""Small models with random weights: networks made by hand, and each architecture of transformers."""

from functools import cache

import torch
import transformers
from torch import Tensor, nn

from graphtune.structure import ModelGraph, read

SIZES = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
PLAIN = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


class Block(nn.Module):
    """``x + narrow(relu(widen(norm(x))))``."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.widen, self.narrow = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(torch.relu(self.widen(self.norm(x))))


class TwoBlocks(nn.Module):
    """Two embeddings added up, two blocks, a head, and a map that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(10, 4), nn.Embedding(6, 4)
        self.blocks = nn.ModuleList((Block(), Block()))
        self.spare = nn.Linear(4, 4)
        self.head = nn.Linear(4, 3, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids) + self.places(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def _modern() -> nn.Module:
    from transformers import ModernBertConfig, ModernBertModel

    more = {"cls_token_id": 1, "sep_token_id": 2, "global_attn_every_n_layers": 2}
    return ModernBertModel(ModernBertConfig(**SIZES, **PLAIN, **more))


def _distil() -> nn.Module:
    from transformers import DistilBertConfig, DistilBertModel

    sizes = {"vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    return DistilBertModel(DistilBertConfig(**sizes, max_position_embeddings=64))


def _gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2Model

    sizes = {"vocab_size": 60, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    return GPT2Model(GPT2Config(**sizes, bos_token_id=1, eos_token_id=2))


def _llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaModel

    return LlamaModel(LlamaConfig(**SIZES, **PLAIN, num_key_value_heads=2))


def _like_bert(name: str, **more: int) -> nn.Module:
    config = getattr(transformers, f"{name}Config")(**SIZES, **more)
    return getattr(transformers, f"{name}Model")(config, add_pooling_layer=False)


MAKERS = {
    "Albert": lambda: _like_bert("Albert", embedding_size=16),
    "Bert": lambda: _like_bert("Bert"),
    "DistilBert": _distil,
    "GPT2": _gpt2,
    "Llama": _llama,
    "MPNet": lambda: _like_bert("MPNet"),
    "ModernBert": _modern,
    "Roberta": lambda: _like_bert("Roberta"),
    "XLMRoberta": lambda: _like_bert("XLMRoberta"),
}


@cache
def graph_of(name: str) -> ModelGraph:
    """Return what a transformer is read as, for a text of 16 tokens."""
    return read(small(name), 16)


def small(name: str) -> nn.Module:
    """Return a transformer with weights drawn from seed 0."""
    torch.manual_seed(0)
    return MAKERS[name]()
