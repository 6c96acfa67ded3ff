"""What pruning leaves of an encoder: rows of texts, and a directory."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from graphtune.artefact import check_directory, written_directory
from graphtune.compress.pruning_report import PruningReport, TaughtReport
from graphtune.encoder import Transformer
from graphtune.encoder.export import export
from graphtune.encoder.loading import LoadedTransformer
from graphtune.encoder.precision import chosen_format
from graphtune.encoder.pruned import write_shapes
from graphtune.encoder.transformer import encoded
from graphtune.errors import OutputError


@dataclass(frozen=True, eq=False)
class PrunedEncoder:
    """Smaller weights, beside the encoder that they were cut out of."""

    source: Transformer
    model: nn.Module  # of transformers, in float32
    report: PruningReport
    taught: TaughtReport | None = None  # by the whole encoder

    @cached_property
    def loaded(self) -> LoadedTransformer:
        """Its weights as they are computed with, and the source's tokenizer.

        Raises:
            EncoderError: the source is not there, incomplete or altered.
        """
        base = self.source.loaded
        number_format = chosen_format(self.source.precision, base.device)
        return LoadedTransformer.of(base.tokenizer, deepcopy(self.model), base.device, number_format)

    def rows(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return a row of L2 norm 1 for every text; zeros for a blank one.

        Raises:
            EncoderError: the source is not there, incomplete or altered.
        """
        loaded = self.loaded
        found = torch.zeros(len(texts), self.source.width)
        there = [row for row, text in enumerate(texts) if text.strip()]
        if there:
            for numbers, rows in encoded(loaded, self.source, texts, there, (loaded.depth,)):
                found[numbers] = rows[loaded.depth]
        return found

    def save(self, into: Path) -> Transformer:
        """Write a Hugging Face directory, and return the encoder that reads it.

        Without heads cut out, and with equally many units in all blocks, transformers and
        sentence-transformers read it too; else graphtune alone does (`encoder.pruned`).

        Raises:
            EncoderError: the source is not complete.
            OutputError: ``into`` cannot be written to, or holds something else.
        """
        check_directory(into, "config.json", "encoder")
        source = self.source
        if into.absolute() == source.directory.absolute():
            raise OutputError(
                f"{into} is the encoder that was pruned; nothing was written.",
                fix="choose another directory.",
            )
        with written_directory(into) as partial:
            export(
                self.model,
                source.directory,
                partial,
                pooling=source.pooled_by,
                max_tokens=source.max_tokens,
            )
            write_shapes(self.model, partial)
        return replace(source, name=str(into))
