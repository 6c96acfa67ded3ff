"""A tuned transformer as a directory of its own, which transformers and sentence-transformers load too."""

import shutil
from pathlib import Path
from typing import Any

from torch import nn

from graphtune.artefact import write_json
from graphtune.encoder.directory import missing_file
from graphtune.encoder.quiet import quiet_transformers
from graphtune.errors import EncoderError

_KEPT = ("*.json", "*.txt", "*.model", "1_Pooling/*", "2_Normalize/*")
_LEFT = ("model.safetensors.index.json", "data_config.json", "train_script.py", "compression.json")


def export(model: nn.Module, source: Path, into: Path, *, pooling: str, max_tokens: int) -> None:
    """Write ``model``, with the tokenizer of ``source`` that it was tuned from, to the directory ``into``.

    Raises:
        EncoderError: the result would not be complete.
        OutputError: ``into`` cannot be written to.
    """
    into.mkdir(parents=True, exist_ok=True)
    for pattern in _KEPT:
        for file in source.glob(pattern):
            if file.is_file() and file.name not in _LEFT:
                place = into / file.relative_to(source)
                place.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, place)
    saved: Any = model
    with quiet_transformers():
        saved.save_pretrained(into)
    width = int(saved.config.hidden_size)
    write_json(into / "modules.json", [_module(*one) for one in enumerate(("", "1_Pooling", "2_Normalize"))])
    write_json(into / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    (into / "2_Normalize").mkdir(exist_ok=True)
    write_json(
        into / "1_Pooling/config.json",
        {
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    )
    missing = missing_file(into)
    if missing is not None:
        raise EncoderError(f"{source} has no {missing} to go with the tuned weights.", fix="put it there.")


def copy_transformer(source: Path, into: Path) -> None:
    """Copy what `export` wrote to a directory that is new or empty."""
    shutil.copytree(source, into, dirs_exist_ok=True)


def _module(number: int, path: str) -> dict[str, Any]:
    kind = ("Transformer", "Pooling", "Normalize")[number]
    return {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
