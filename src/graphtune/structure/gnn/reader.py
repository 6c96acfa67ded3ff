"""Structure networks in a file, and the mean of what they say of a model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float64
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from graphtune.artefact import written
from graphtune.errors import ModelError
from graphtune.structure.gnn.inputs import INPUTS, inputs
from graphtune.structure.gnn.likeness import Places
from graphtune.structure.gnn.network import StructureGNN, relations_of
from graphtune.structure.model_graph import ModelGraph

SHIPPED: Final = Path(__file__).parent / "structure-gnn.safetensors"
_FORMAT = 2
_AGAIN = "take the file that comes with graphtune, or make it again with bench/structure/meta.py."


@dataclass(frozen=True, eq=False)
class Read:
    """What networks say of one model."""

    predicted: Float64[np.ndarray, "N 3"]  # by node and purpose
    alike: Float64[np.ndarray, "N N"]  # how alike modules are expected to err, at most 1
    noise: float  # of a probe, as `refined` takes it
    belief: float  # what predictions count beside probes, as `refined` takes it


@dataclass(frozen=True, eq=False)
class StructureReader:
    """Networks that learned from different random starts; their mean errs less than each."""

    members: tuple[StructureGNN, ...]

    @torch.no_grad()
    def read(self, graph: ModelGraph) -> Read:
        """Return what they say of the modules of a model."""
        x, relations, places = inputs(graph), relations_of(graph), Places.of(graph)
        embedded = [member.eval().embedded(x, relations) for member in self.members]
        said = [member.leave(states) for member, states in zip(self.members, embedded, strict=True)]
        alike = [one.likeness(states, places) for one, states in zip(self.members, embedded, strict=True)]
        predicted, kernel = (torch.stack(one).mean(dim=0).double().numpy() for one in (said, alike))
        noise, belief = (
            float(torch.stack([one.likeness[name].log() for one in self.members]).mean().exp())
            for name in ("noise", "belief")
        )
        return Read(predicted, kernel, noise, belief)


def write_reader(members: Sequence[StructureGNN], facts: Mapping[str, str], path: Path) -> None:
    """Write networks to one file; ``facts`` say what they learned from.

    Raises:
        OutputError: the place cannot be written to, or the disk is full.
    """
    first = members[0]
    shape = {
        "format": _FORMAT,
        "inputs": INPUTS,
        "width": first.width,
        "depth": len(first.own),
        "edges": first.edges,
        "members": len(members),
    }
    tensors = {
        f"{number}.{name}": tensor.detach().float().contiguous().clone()
        for number, member in enumerate(members)
        for name, tensor in member.state_dict().items()
    }
    with written(path) as partial:
        save_file(tensors, partial, {"network": json.dumps(shape), **facts})


@lru_cache(maxsize=4)
def read_reader(path: Path) -> StructureReader:
    """Read what `write_reader` wrote.

    Raises:
        ModelError: the file is missing, altered, or of networks that read other inputs.
    """
    if not path.is_file():
        raise ModelError(f"There is no structure network {path}.", fix=_AGAIN)
    try:
        with safe_open(path, "pt") as file:
            shape: dict[str, Any] = json.loads((file.metadata() or {})["network"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        if shape["format"] != _FORMAT:
            problem = f"The networks in {path} have format {shape['format']}; this graphtune reads {_FORMAT}."
            raise ModelError(problem, fix=_AGAIN)
        if tuple(shape["inputs"]) != INPUTS:
            raise ModelError(f"The networks in {path} read other inputs than this graphtune.", fix=_AGAIN)
        members = tuple(_member(number, shape, tensors) for number in range(shape["members"]))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{path} is no structure network, or was altered.", fix=_AGAIN) from error
    return StructureReader(members)


def _member(number: int, shape: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> StructureGNN:
    made = StructureGNN(len(INPUTS), shape["width"], shape["depth"], edges=shape["edges"])
    start = f"{number}."
    made.load_state_dict({n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)})
    return made.eval()
