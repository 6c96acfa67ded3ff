"""Heads, feed-forward units and blocks cut out of a transformer, and what remains as a directory.

Source: Michel, Levy & Neubig, NeurIPS 2019, arXiv:1905.10650 (heads); Fang et al., CVPR 2023,
arXiv:2301.12900, section 3 (what has to be cut together). A head is rows of queries, keys and values and
columns of the map that joins them; a unit is a row of the first feed-forward map and a column of the second.
Differs from the papers: in MPNet, whose blocks share one table of biases for positions, a block reads the
columns of the heads that it has kept.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphtune.artefact import write_json
from graphtune.encoder.block_parts import BlockParts, blocks_path, parts_of, units_setting
from graphtune.encoder.directory import json_file
from graphtune.errors import EncoderError

FILE = "pruned.json"
_FORMAT = 1


@dataclass(frozen=True)
class BlockShape:
    """What one block has left."""

    heads: tuple[int, ...]  # their numbers in the block as it once was
    units: int


def shapes_of(model: nn.Module) -> tuple[BlockShape, ...]:
    """Return the shape of every block.

    Raises:
        EncoderError: an architecture whose parts are not known.
    """
    return tuple(BlockShape(part.kept, part.units) for part in parts_of(model))


def cut(model: nn.Module, heads: Sequence[Sequence[int]], units: Sequence[Sequence[int]]) -> None:
    """Keep in place, of every block, the heads and units at these positions; the rest is gone.

    Raises:
        EncoderError: an architecture whose parts are not known.
    """
    for part, own_heads, own_units in zip(parts_of(model), heads, units, strict=True):
        if len(own_heads) < part.heads:
            _cut_heads(part, own_heads)
        if len(own_units) < part.units:
            at = torch.as_tensor(own_units)
            _keep_rows(part.inner, at)
            _keep_columns(part.outer, at)
    counts = {part.units for part in parts_of(model)}
    if len(counts) == 1:  # then others than we can read it
        setattr(model.config, units_setting(model), counts.pop())


def keep_blocks(model: nn.Module, kept: Sequence[int]) -> None:
    """Keep in place the blocks at these positions, counted from 0, in their order.

    Raises:
        EncoderError: an architecture whose parts are not known.
    """
    path, config = blocks_path(model), model.config
    blocks = list(model.get_submodule(path).children())
    model.set_submodule(path, nn.ModuleList([blocks[at] for at in kept]))
    config.num_hidden_layers = len(kept)  # type: ignore[union-attr]


def write_shapes(model: nn.Module, directory: Path) -> None:
    """Write what the model's configuration cannot say; nothing where it says all.

    Raises:
        OutputError: ``directory`` cannot be written to.
    """
    shapes, config = shapes_of(model), model.config
    whole = tuple(range(config.num_attention_heads))  # type: ignore[union-attr]
    units = getattr(config, units_setting(model))
    if all(shape == BlockShape(whole, units) for shape in shapes):
        (directory / FILE).unlink(missing_ok=True)  # of what it was cut out of
        return
    write_json(directory / FILE, {"format": _FORMAT, "blocks": [asdict(shape) for shape in shapes]})


def read_shapes(directory: Path) -> tuple[BlockShape, ...] | None:
    """Return the shapes of a pruned encoder's blocks; None where the configuration says all.

    Raises:
        EncoderError: the file is damaged, or of a newer version.
    """
    file = directory / FILE
    if not file.is_file():
        return None
    said = json_file(file)
    if isinstance(said.get("format"), int) and said["format"] > _FORMAT:
        raise EncoderError(f"{file} is of a newer version.", fix="update graphtune.")
    try:
        return tuple(_shape(one) for one in said["blocks"])
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderError(f"{file} does not say what is left of each block.", fix="prune again.") from error


def reshape(model: nn.Module, shapes: Sequence[BlockShape], directory: Path) -> None:
    """Give the blocks of a whole model these shapes; its weights are then to be read.

    Raises:
        EncoderError: they are not those of such a model.
    """
    parts = parts_of(model)
    fits = len(parts) == len(shapes) and all(
        shape.heads[-1] < part.heads and shape.units <= part.units
        for part, shape in zip(parts, shapes, strict=True)
    )
    if not fits:
        raise EncoderError(
            f"{directory / FILE} does not belong to its config.json: blocks, heads or units are too many.",
            fix="prune again.",
        )
    cut(model, [shape.heads for shape in shapes], [range(shape.units) for shape in shapes])


def fill(model: nn.Module, weights: dict[str, Tensor], directory: Path) -> None:
    """Put the stored weights into a model of their shapes.

    Raises:
        EncoderError: one is missing, or has another shape.
    """
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    wrong = [name for name, shape in own.items() if name not in weights or weights[name].shape != shape]
    if wrong:
        raise EncoderError(
            f"{directory} is no whole pruned encoder: {wrong[0]} is not there, or not as {FILE} says.",
            fix="check that its files belong together, or prune again.",
        )
    model.load_state_dict({name: weights[name] for name in own})


def _shape(said: Any) -> BlockShape:
    heads, units = said["heads"], said["units"]
    numbers = all(type(head) is int and head >= 0 for head in heads) and type(units) is int
    if not numbers or not heads or heads != sorted(set(heads)) or units < 1:
        raise ValueError(said)
    return BlockShape(tuple(heads), units)


def _cut_heads(part: BlockParts, heads: Sequence[int]) -> None:
    width, attention = part.head_width, part.attention
    numbers = tuple(part.kept[head] for head in heads)
    at = torch.as_tensor([head * width + place for head in heads for place in range(width)])
    for linear in (part.query, part.key, part.value):
        _keep_rows(linear, at)
    _keep_columns(part.joined, at)
    again = hasattr(attention, "kept_heads")
    told: Any = attention
    told.kept_heads = numbers
    setattr(attention, part.counted, len(heads))
    if hasattr(attention, "all_head_size"):
        told.all_head_size = len(at)
    if not again and hasattr(attention, "o"):  # MPNet's
        attention.register_forward_pre_hook(_own_biases, with_kwargs=True)


def _own_biases(attention: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Hand on the biases of the heads that are left; MPNet's encoder makes them for all."""

    def own(bias: Tensor | None) -> Tensor | None:
        return None if bias is None else bias[:, list(attention.kept_heads)]

    if "position_bias" in named:
        return given, {**named, "position_bias": own(named["position_bias"])}
    states, mask, bias, *rest = given
    return (states, mask, own(bias), *rest), named


def _keep_rows(linear: nn.Linear, at: Tensor) -> None:
    linear.weight = _part(linear.weight, at, 0)
    if linear.bias is not None:
        linear.bias = _part(linear.bias, at, 0)
    linear.out_features = len(at)


def _keep_columns(linear: nn.Linear, at: Tensor) -> None:
    linear.weight = _part(linear.weight, at, 1)
    linear.in_features = len(at)


def _part(parameter: Tensor, at: Tensor, axis: int) -> nn.Parameter:
    some = parameter.detach().index_select(axis, at.to(parameter.device))
    return nn.Parameter(some, requires_grad=parameter.requires_grad)
