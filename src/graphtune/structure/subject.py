"""How a model is run on one text, whatever it is made of."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from graphtune.encoder.tunable import TunableTransformer
from graphtune.errors import PlanError
from graphtune.graph import TextGraph
from graphtune.model import Batch, Model, TextModel
from graphtune.structure.parts import Pooling

_TOKEN = 3  # an id that is no padding in any tokenizer in use


@dataclass(frozen=True, eq=False)
class Subject:
    """A model, and what it is called with for one text."""

    name: str  # its architecture
    module: nn.Module
    given: tuple[Any, ...] | None  # None: not known
    named: dict[str, Any] = field(default_factory=dict)
    depth: int | None = None  # blocks, where its configuration says
    width: int | None = None  # of the states between them, likewise


class Assembled(nn.Module):
    """A transformer, its pooling, graph layers over one text, and a head: each but the first may be missing.

    Args:
        model: a transformers encoder or decoder.
        pooling: ``mean`` or ``cls``; None = nothing but the states of the tokens.
        network: graph layers and head that read the pooled row.
        head: one that reads it instead.
    """

    def __init__(
        self,
        model: nn.Module,
        pooling: str | None = None,
        network: Model | None = None,
        head: nn.Linear | None = None,
    ) -> None:
        super().__init__()
        # As they are called in a `TextModel`.
        self.encoder = nn.Module()
        self.encoder.add_module("model", model)
        self.config: Any = model.config
        self.pooling = None if pooling is None else Pooling(pooling)
        self.network, self.head = network, head
        self._asked = _quiet(model)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the scores of one text, or as much as there is."""
        states = self.encoder.model(input_ids=ids, attention_mask=mask, **self._asked).last_hidden_state  # type: ignore[operator]
        rows = states if self.pooling is None else self.pooling(states, mask)
        if self.network is not None:
            return self.network.scores(self.network.embed(rows, _alone(rows)))
        return rows if self.head is None else self.head(rows)


@contextmanager
def subject(model: nn.Module, tokens: int, example: tuple[Any, ...] | None) -> Iterator[Subject]:
    """Yield how ``model`` is run on a text of ``tokens`` tokens; frozen blocks are in their places meanwhile.

    Raises:
        PlanError: ``tokens`` is below 1, or more than the model reads.
    """
    if tokens < 1:
        raise PlanError(f"tokens = {tokens} is no length of a text.", fix="use 1 or more; 128 is usual.")
    if example is not None:
        yield _of_config(type(model).__name__, model, example, {})
    elif isinstance(model, TextModel):
        with model.encoder.whole() as inner:
            yield _of_text(Assembled(inner, model.pooling, head=model.head), tokens)
    elif isinstance(model, TunableTransformer):
        with model.whole() as inner:
            yield _of_text(_Within(inner), tokens)
    elif isinstance(model, Model):
        device = model.head.weight.device
        rows = torch.ones(1, _inputs(model), device=device, dtype=model.head.weight.dtype)
        first = torch.zeros(1, dtype=torch.int64, device=device)
        yield Subject(
            "graph network", model, (Batch(rows, _alone(rows), first, first),), {}, len(model.layers)
        )
    elif isinstance(model, Assembled) or hasattr(model, "config"):
        yield _of_text(model, tokens)
    else:
        yield _of_config(type(model).__name__, model, _guessed(model, tokens), {})


class _Within(nn.Module):
    """A transformer under the name it has in a `TunableTransformer`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.config: Any = model.config
        self._asked = _quiet(model)

    def forward(self, ids: Tensor, mask: Tensor) -> Any:
        return self.model(input_ids=ids, attention_mask=mask, **self._asked)


def _of_text(model: nn.Module, tokens: int) -> Subject:
    config: Any = model.config
    most = _most_tokens(model)
    if most is not None and tokens > most:
        raise PlanError(
            f"tokens = {tokens}, but the {config.model_type} model reads {most} at most.",
            fix=f"use 1 to {most}.",
        )
    device = next(model.parameters()).device
    ids = torch.full((1, tokens), min(_TOKEN, int(config.vocab_size) - 1), device=device)
    mask = torch.ones_like(ids)
    if isinstance(model, Assembled | _Within):
        return _of_config(config.model_type, model, (ids, mask), {})
    named = {"input_ids": ids, "attention_mask": mask, **_quiet(model)}
    return _of_config(config.model_type, model, (), named)


def _of_config(name: str, model: nn.Module, given: tuple[Any, ...] | None, named: dict[str, Any]) -> Subject:
    config = getattr(model, "config", None)

    def number(*names: str) -> int | None:
        found = (getattr(config, one, None) for one in names)
        return next((one for one in found if isinstance(one, int)), None)

    depth = number("num_hidden_layers", "n_layers", "n_layer")
    width = number("hidden_size", "dim", "d_model", "n_embd")
    return Subject(str(getattr(config, "model_type", name)), model, given, named, depth, width)


def _quiet(model: nn.Module) -> dict[str, Any]:
    # Decoders would keep keys and values for a next token.
    return {"use_cache": False} if "use_cache" in inspect.signature(model.forward).parameters else {}


def _alone(rows: Tensor) -> TextGraph:
    """Return the graph of one text that has no neighbour."""
    return TextGraph.empty(1).to(rows.device, rows.dtype)


def _inputs(model: Model) -> int:
    """Return how wide the features are that a network over a graph reads."""
    first = model.layers[0] if len(model.layers) else model.head
    maps = (one for one in first.modules() if isinstance(one, nn.Linear))
    return next(maps).in_features


def _most_tokens(model: nn.Module) -> int | None:
    """Return how many places a model has learned; None where it works them out."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and name.rpartition(".")[2] in ("position_embeddings", "wpe"):
            # RoBERTa counts from behind its padding.
            before = 0 if module.padding_idx is None else module.padding_idx + 1
            return module.num_embeddings - before
    return None


def _guessed(model: nn.Module, tokens: int) -> tuple[Tensor, ...] | None:
    """Return token ids or rows, whichever the first module with weights reads."""
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            token = min(_TOKEN, module.num_embeddings - 1)
            return (torch.full((1, tokens), token, device=module.weight.device),)
        if isinstance(module, nn.Linear):
            return (module.weight.new_ones(1, tokens, module.in_features),)
        if next(module.parameters(recurse=False), None) is not None:
            return None
    return None
