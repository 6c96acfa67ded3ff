"""From a saved model or an encoder to a smaller one on disk, or to a refusal that leaves nothing behind."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from graphtune.artefact import check_directory, check_parent, write_json, written_directory
from graphtune.compress.checked import check, compared, size_of, with_footprints, with_sizes
from graphtune.compress.exported import Export
from graphtune.compress.footprint import footprints
from graphtune.compress.int8 import Int8
from graphtune.compress.subject import Step, Subject, check_extra, check_transformer
from graphtune.compress.texts import divided
from graphtune.compress.without_graph import WithoutGraph, with_a_graph
from graphtune.encoder import Onnx, Transformer
from graphtune.encoder.export import copy_transformer
from graphtune.encoder.onnx import FACTS, copy_onnx
from graphtune.errors import OutputError, PlanError
from graphtune.progress import say
from graphtune.report.compression import Compression, compression_card
from graphtune.run.saved import check_place, save
from graphtune.table import Table

_COMPRESSION, _MANIFEST = "compression.json", "manifest.json"


def compress(
    source: str,
    into: Path,
    *,
    steps: Sequence[Step],
    table: Table | None = None,
    most: float = 0.5,
    seed: int = 0,
    timing: bool = True,
) -> Compression:
    """Take ``steps`` one after another, compare what comes of them with ``source``, and write it to ``into``.

    Args:
        source: a directory that fit has written; or an encoder: its directory, ``minilm`` or a hub id.
        into: directory of the result, which fit, predict and evaluate read like any other.
        steps: such as ``[Export(), Int8()]``, or ``[WithoutGraph()]``, which is best put first.
        table: what models are compared on: by their labels, where there are any, else by whether they agree.
            None = the texts that the model holds.
        most: points that may be lost: of accuracy; without labels, of texts that keep theirs; of an encoder,
            of the mean cosine of its rows.
        seed: of which texts are looked at and which judge, where the table does not say.
        timing: whether memory and seconds are measured, in processes of their own.

    Raises:
        CompressionError: more was lost than is allowed; nothing was written.
        ModelError: ``source`` is no model and no encoder, or has nothing to be made smaller, or no graph.
        EncoderError: the encoder cannot be exported.
        PlanError: no step, or one that cannot be taken.
        TableError: there are no texts to compare on.
        OutputError: ``into`` cannot be written to.
        MissingExtraError: a step needs ONNX or ONNX Runtime, which is not installed.
    """
    _check_asked(source, into, steps, most)
    if any(isinstance(step, Export | Int8) for step in steps):
        check_extra()
    before = Subject.of(source)
    _check_has(before, steps)
    into = into.absolute()
    _check_place(before, into)
    learns = any(isinstance(step, WithoutGraph) for step in steps)
    looked, texts = divided(before, table, seed, learns=learns)
    with tempfile.TemporaryDirectory() as folder:
        after = before
        for number, step in enumerate(steps):
            say(f"step {number + 1} of {len(steps)}: {step.said}")
            after = step.apply(after, looked, Path(folder) / f"step-{number}")
        say(f"comparing on {len(texts.texts):,} texts")
        found = compared(before, after, texts, steps=[step.said for step in steps], most=most)
        check(found)
        result = Path(folder) / "result"
        # With what is known so far: what is measured then holds whatever is written in the end.
        _write(after, result, found)
        sizes = size_of(Path(source).expanduser(), before.encoder), size_of(result, after.encoder)
        found = with_sizes(found, *sizes)
        if timing:
            say("measuring memory and seconds")
            found = with_footprints(found, *footprints((source, str(result)), texts.texts))
        _write(after, into, found)
    return found


def _check_asked(source: str, into: Path, steps: Sequence[Step], most: float) -> None:
    if not steps:
        raise PlanError("There is nothing to do.", fix="ask for --graph-free, --prune, --onnx or --int8.")
    if not most >= 0:
        raise PlanError(f"{most} points cannot be lost at most.", fix="use 0 or more.")
    if into.absolute() == Path(source).expanduser().absolute():
        raise OutputError(
            f"{into} is what is to be made smaller: it would be lost.",
            fix="choose another directory with --into.",
        )


def _check_has(subject: Subject, steps: Sequence[Step]) -> None:
    """See that there is what the steps take away, before any work."""
    if any(isinstance(step, WithoutGraph) for step in steps):
        with_a_graph(subject)
    if not all(isinstance(step, WithoutGraph) for step in steps):
        check_transformer(subject)


def _check_place(subject: Subject, into: Path) -> None:
    if subject.model is not None:
        check_place(into)
        return
    check_parent(into)
    # A model, which would be lost, has the other file too.
    mark = FACTS if any((into / name).is_file() for name in (FACTS, _MANIFEST)) else _COMPRESSION
    check_directory(into, mark, "encoder made smaller")


def _write(subject: Subject, into: Path, found: Compression) -> None:
    if subject.model is not None:
        save(replace(subject.model, compression=found), into)
        return
    encoder = subject.encoder
    assert isinstance(encoder, Transformer | Onnx)  # others have nothing to be made smaller
    with written_directory(into) as place:
        if isinstance(encoder, Onnx):
            copy_onnx(encoder, place)
        else:
            copy_transformer(encoder.directory, place)
        write_json(place / _COMPRESSION, found.facts())
        (place / "README.md").write_text(_card(found), encoding="utf-8")


def _card(found: Compression) -> str:
    opening = [
        "# Text encoder",
        "",
        "Texts become rows of L2 norm 1. To use it: `graphtune fit TABLE --encoder DIR`, where `DIR` is the "
        "folder of this file.",
        "",
    ]
    return "\n".join([*opening, *compression_card(found)])
