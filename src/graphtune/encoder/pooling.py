"""From the tokens of a text to one row.

Source: mean pooling as in Reimers & Gurevych, EMNLP 2019, arXiv:1908.10084, section 3.
Differs from the paper: rows are scaled to L2 norm 1, as the models published since then expect.
"""

import json
from pathlib import Path

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from graphtune.errors import EncoderError

POOLINGS = ("mean", "cls")


def pooled(
    states: Float[Tensor, "B L F"], mask: Int64[Tensor, "B L"], pooling: str
) -> Float32[Tensor, "B F"]:
    """Return one row of L2 norm 1 for every text, computed in float32."""
    if pooling == "cls":
        row = states[:, 0].float()
    else:
        weight = mask.unsqueeze(-1).float()
        row = (states.float() * weight).sum(dim=1) / weight.sum(dim=1)
    return torch.nn.functional.normalize(row, dim=1)


def pooling_of(directory: Path, wanted: str | None) -> str:
    """Return the wanted pooling, or the one a sentence-transformers directory names, or ``mean``.

    Raises:
        EncoderError: a pooling that is not known, or a directory that asks for one.
    """
    if wanted is not None:
        if wanted not in POOLINGS:
            raise EncoderError(
                f"encoder.pooling = {wanted!r} is not a pooling.", fix="use 'mean' or 'cls', or leave it out."
            )
        return wanted
    file = directory / "1_Pooling" / "config.json"
    if not file.is_file():
        return "mean"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderError(
            f"{file} is not JSON: {error}.", fix="mend the file, or set encoder.pooling."
        ) from error
    modes = {k.removeprefix("pooling_mode_") for k, on in settings.items() if on is True and "mode" in k}
    if "pooling_mode" in settings:
        modes.add(str(settings["pooling_mode"]))
    names = {"mean_tokens": "mean", "mean": "mean", "cls_token": "cls", "cls": "cls"}
    known = {names[m] for m in modes if m in names}
    if len(known) != 1 or len(modes) != 1:
        raise EncoderError(
            f"{file} asks for the pooling {sorted(modes)}, which graphtune does not have.",
            fix="set encoder.pooling to 'mean' or 'cls', or use another encoder.",
        )
    return known.pop()
