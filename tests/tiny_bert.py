"""A tiny BERT with random weights and a tokenizer of its own."""

import json
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

_LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
_WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "tree", "quick", "slow", "red", "blue", "你", "好"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS, *_LETTERS, *(f"##{c}" for c in _LETTERS)]


def write_tiny_bert(directory: Path) -> None:
    """Write it to ``directory`` as Hugging Face does."""
    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(directory)
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    settings = {"tokenizer_class": "BertTokenizer", "model_max_length": 64, "do_lower_case": True}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
