"""A transformer with its pooling as an ONNX file of its own, that reads batches of any size and length.

Where a text's logits follow from its row alone, they are a second output (`logits`), for programs other than
graphtune.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from graphtune.compress.logits import maps_of, module_of, write_logits
from graphtune.compress.subject import Subject, check_extra
from graphtune.encoder import Onnx, Transformer
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.onnx import (
    MODEL,
    TOKENIZER,
    OnnxFacts,
    copy_onnx,
    row_names,
    session_of,
    write_facts,
)
from graphtune.errors import EncoderError

_INPUTS = ("input_ids", "attention_mask")
_TOLERANCE = 1e-4  # of a row's numbers, which are within 1, and of logits as a share of the largest
_LARGEST = 2**31 - 1  # bytes a file of this format can have
_CHECKED = ((1, 3), (2, 8), (5, 33))  # batches and lengths other than those that are exported with


@dataclass(frozen=True)
class Export:
    """Write the encoder as ONNX, in float32; of one that was exported already, the logits at most."""

    @property
    def said(self) -> str:
        """What it is called in reports."""
        return "exported to ONNX"

    def apply(self, subject: Subject, texts: Sequence[str], place: Path) -> Subject:
        """Return the same with its encoder exported to ``place``, which is new.

        Raises:
            EncoderError: it cannot be exported, or what was exported computes something else.
            ModelError: it is no transformer.
            MissingExtraError: ONNX or ONNX Runtime is not installed.
        """
        encoder = subject.transformer
        maps = maps_of(subject.model)
        if isinstance(encoder, Transformer):
            read = () if subject.model is None else subject.model.maker.blocks
            return subject.with_encoder(export(encoder, place, maps=maps, lower=read[:-1]))
        if subject.model is None:
            return subject
        copy_onnx(encoder, place)
        if not write_logits(place / MODEL, maps):
            return subject
        return subject.with_encoder(write_facts(place, encoder.facts))


def export(
    encoder: Transformer, into: Path, *, maps: Sequence[nn.Linear] = (), lower: tuple[int, ...] = ()
) -> Onnx:
    """Write the transformer, its pooling and what makes logits of its rows to a new directory.

    ``lower`` are blocks below the last whose rows are outputs too. Rows and logits are compared with those of
    torch for several lengths and batches.

    Raises:
        EncoderError: it cannot be exported, or what was exported computes something else.
        MissingExtraError: ONNX or ONNX Runtime is not installed.
    """
    check_extra()
    encoder.check_blocks(lower)
    loaded = LoadedTransformer.load(encoder.directory, torch.device("cpu"), torch.float32)
    backend = getattr(loaded.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EncoderError(
            f"The tokenizer of {encoder.name} has no fast form, which an exported encoder reads.",
            fix="use an encoder with a tokenizer.json.",
        )
    limit = min(encoder.max_tokens, loaded.most_tokens)
    loaded.tokens(["to set where texts are cut"], limit)
    into.mkdir(parents=True)
    backend.save(str(into / TOKENIZER))
    rows = _Rows(loaded.model, encoder.pooled_by, lower).eval()
    _write(rows, into / MODEL, encoder.name)
    write_logits(into / MODEL, maps)
    _check(rows, maps, into / MODEL, limit)
    facts = OnnxFacts(
        pooling=encoder.pooled_by,
        max_tokens=limit,
        width=encoder.width,
        depth=encoder.depth,
        parameters=sum(weight.numel() for weight in loaded.model.parameters()),
        number_format="float32",
        scales="",
        kept=(),
        padding=loaded.padding,
        whole_specials=bool(backend.encode_special_tokens),
        source=encoder.fingerprint,
        lower=lower,
    )
    return write_facts(into, facts)


class _Rows(nn.Module):
    """From token ids to rows of L2 norm 1, as `encoder.pooling.pooled` computes them."""

    def __init__(self, encoder: nn.Module, pooling: str, lower: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder, self.pooling, self.lower = encoder, pooling, lower

    @property
    def names(self) -> list[str]:
        """What the outputs are called."""
        return row_names(self.lower)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """Return the rows of the last block, then those of the lower ones."""
        found = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=bool(self.lower)
        )
        states = [found.last_hidden_state, *(found.hidden_states[block] for block in self.lower)]
        return tuple(self._pooled(one, attention_mask) for one in states)

    def _pooled(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        # Not `pooled`: where shapes are checked at run time, the check would become part of the graph.
        if self.pooling == "cls":
            row = states[:, 0]
        else:
            weight = attention_mask.unsqueeze(-1).to(states.dtype)
            row = (states * weight).sum(dim=1) / weight.sum(dim=1)
        return row / row.norm(dim=1, keepdim=True).clamp_min(1e-12)


def _write(rows: _Rows, file: Path, name: str) -> None:
    import onnx

    eager = getattr(rows.encoder, "set_attn_implementation", None)
    if eager is not None:
        # Plain products and a softmax: what an exporter writes for the fused kernel is longer and slower.
        eager("eager")
    dynamic = dict.fromkeys((0, 1), torch.export.Dim.DYNAMIC)
    try:
        with _quiet(), torch.no_grad():
            program: Any = torch.onnx.export(
                rows,
                _batch(2, 12),
                dynamo=True,
                input_names=list(_INPUTS),
                output_names=rows.names,
                dynamic_shapes=dict.fromkeys(_INPUTS, dynamic),
                verbose=False,
            )
            model = program.model_proto
    except Exception as error:  # the exporter lets errors of many kinds through
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise EncoderError(
            f"The encoder {name} cannot be exported to ONNX: {reason[0]}",
            fix="use an encoder such as BERT, MiniLM or RoBERTa, or leave it as it is.",
        ) from error
    _name_weights(model)
    if model.ByteSize() > _LARGEST:
        raise EncoderError(
            f"The encoder {name} is too large for one ONNX file (2 GiB).", fix="use a smaller encoder."
        )
    onnx.save(model, file)


def _name_weights(model: Any) -> None:
    """Call weights by their modules, and drop what the exporter tells of the machine, such as paths."""
    named = {weight.name for weight in model.graph.initializer}
    renamed: dict[str, str] = {}
    for node in model.graph.node:
        scopes = {entry.key: entry.value for entry in node.metadata_props}.get(
            "pkg.torch.onnx.name_scopes", ""
        )
        modules = [scope.strip(" '\"") for scope in scopes.strip("[]").split(",")]
        if node.op_type in ("MatMul", "Gemm") and len(modules) > 1:
            for given in node.input:
                # Folded with their transpose, weights have lost their names; biases have not.
                if given in named and given.startswith("val_"):
                    renamed.setdefault(given, f"{modules[-2]}.weight")
        del node.metadata_props[:]
        node.doc_string = ""
    # A weight that two modules share keeps the name of the first.
    taken = {name: sum(other == name for other in renamed.values()) for name in renamed.values()}
    renamed = {old: new for old, new in renamed.items() if taken[new] == 1 and new not in named}
    for node in model.graph.node:
        for at, given in enumerate(node.input):
            node.input[at] = renamed.get(given, given)
    for weight in model.graph.initializer:
        weight.name = renamed.get(weight.name, weight.name)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.doc_string = model.graph.doc_string = ""


def _check(rows: _Rows, maps: Sequence[nn.Linear], file: Path, limit: int) -> None:
    session, head = session_of(file, torch.get_num_threads()), module_of(maps)
    for texts, length in (*_CHECKED, (2, limit)):
        ids, mask = _batch(texts, min(length, limit))
        with torch.inference_mode():
            own = rows(ids, mask)
            wanted = [one.numpy() for one in ((*own, head(own[0])) if maps else own)]
        found = session.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        for ours, theirs in zip(wanted, found, strict=True):
            away = float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(ours).max()))
            if not away <= _TOLERANCE:
                raise EncoderError(
                    f"What was exported computes something else: for {texts} texts of {length} tokens, "
                    f"numbers differ by up to {away:.1e}.",
                    fix="update torch, onnxscript and onnxruntime, or leave the encoder as it is.",
                )


def _batch(texts: int, length: int) -> tuple[Tensor, Tensor]:
    """Return tokens that are in every vocabulary, in texts of different lengths."""
    ids = torch.arange(texts * length).view(texts, length) % 23 + 5
    mask = torch.ones_like(ids)
    for row in range(1, texts):
        mask[row, max(1, length - 2 * row) :] = 0
    return ids, mask


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's advice to its developers off the terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
