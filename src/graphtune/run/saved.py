"""A model as a directory: written whole or not at all, and trusted only as the manifest describes it."""

import json
import platform
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
import torch
from torch import Tensor

import graphtune
from graphtune import report
from graphtune.artefact import (
    altered,
    check_directory,
    check_parent,
    digests,
    write_json,
    written_directory,
)
from graphtune.encoder import FittedEncoder, FittedTfidf, Onnx, Tfidf, Transformer, from_name
from graphtune.encoder.export import copy_transformer
from graphtune.encoder.onnx import copy_onnx, is_exported, located_onnx
from graphtune.errors import EncoderError, ModelError
from graphtune.graph import TextGraph
from graphtune.plan import Plan
from graphtune.report.compression import Compression
from graphtune.run.fitted import FittedModel, Stored
from graphtune.run.outcome_json import outcome_from_json, outcome_to_json
from graphtune.select import Data, FeatureMaker, Features, View
from graphtune.select.calibration import Calibration
from graphtune.select.features import OF_WORDS
from graphtune.select.fitted_exported import FittedExported
from graphtune.select.fitted_tuned import FittedTuned
from graphtune.select.rejection import Rejection

FORMAT = 7  # of the directory; raised whenever an older graphtune could not read it
_BLOCKS = 6  # of one whose plan is what serves, and that reads several blocks of its encoder
_SMALLER, _PLAIN = 5, 3  # of one that reads one block: made smaller, or not
MANIFEST = "manifest.json"
_ENCODER = "encoder"  # folder of a tuned encoder that serves by itself, or of one made smaller
_COMPRESSION = "compression.json"
_PLAN, _SERVED = "plan.toml", "served.toml"  # the second: what serves, where who taught it is not kept


def check_place(directory: Path) -> None:
    """Refuse a place that holds anything but a model of ours.

    Raises:
        OutputError: it has other files in it, it or a part of its path is a file, or there is no permission.
    """
    check_parent(directory)  # where the new one is written first
    check_directory(directory, MANIFEST, "graphtune model")


def save(model: FittedModel, directory: Path) -> None:
    """Write ``model``; a model that was there stays until the new one is complete.

    Raises:
        OutputError: the place cannot be written to, or the disk is full.
    """
    directory = directory.absolute()
    check_place(directory)
    with written_directory(directory) as place:
        _write_parts(model, place)
        files = digests(place)
        manifest = {
            "format": _format_of(model),
            "graphtune": graphtune.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "protocol": model.outcome.protocol,
            "encoder": {
                "name": model.plan.encoder,
                "fingerprint": model.maker.encoder.fingerprint,
                "serves": isinstance(model.predictor, FittedTuned | FittedExported),
                "blocks": list(model.maker.blocks),
            },
            "labels": model.label_kind,
            "files": files,
        }
        write_json(place / MANIFEST, manifest)


def _format_of(model: FittedModel) -> int:
    if model.recipe is not None:
        return FORMAT
    if model.maker.blocks:
        return _BLOCKS
    return _PLAIN if model.compression is None and carried_by(model) is None else _SMALLER


def load(directory: Path) -> FittedModel:
    """Read a model that `save` wrote.

    Raises:
        ModelError: it is missing, incomplete, altered, or of a newer graphtune.
        EncoderError: its encoder is not there, or no longer the one it was trained with.
    """
    manifest = _trusted_manifest(directory)
    try:
        return _read_parts(directory, manifest)
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise ModelError(
            f"The model {directory}, written by graphtune {manifest['graphtune']}, cannot be read: {error}.",
            fix="fit it again, take another copy of it, or update graphtune if it is of a newer one.",
        ) from error


def carried_by(model: FittedModel) -> Onnx | Transformer | None:
    """Return the exported or pruned encoder that is a part of the model; None if a plan names its encoder.

    A tuned encoder that serves by itself is none of these.
    """
    if isinstance(model.predictor, FittedTuned):
        return None
    holder = model.predictor if isinstance(model.predictor, FittedExported) else model.maker
    encoder, named = holder.encoder, model.plan.encoder
    if isinstance(encoder, Onnx):
        return encoder if model.compression is not None or encoder.name != named else None
    if not isinstance(encoder, Transformer):
        return None
    # A plan names the model's own where the one that was pruned is there no more.
    within = model.compression is not None and (encoder.directory.parent / MANIFEST).is_file()
    return encoder if within or encoder.name != named else None


def _write_parts(model: FittedModel, place: Path) -> None:
    plan = model.plan.only(model.candidate, model.graphs).to_text()
    (place / _PLAN).write_text(model.recipe or plan, encoding="utf-8")
    if model.recipe is not None:
        (place / _SERVED).write_text(plan, encoding="utf-8")
    write_json(place / "labels.json", list(model.classes))
    write_json(place / "calibration.json", asdict(model.calibration))
    write_json(place / "metrics.json", outcome_to_json(model.outcome))
    (place / "report.html").write_text(report.html(model.outcome), encoding="utf-8")
    (place / "README.md").write_text(report.card(model.outcome, model.compression), encoding="utf-8")
    if model.compression is not None:
        write_json(place / _COMPRESSION, model.compression.facts())
    carried = carried_by(model)
    if isinstance(carried, Onnx):
        copy_onnx(carried, place / _ENCODER)
    elif carried is not None:
        copy_transformer(carried.directory, place / _ENCODER)
    if isinstance(model.predictor, FittedTuned):
        model.predictor.export(place / _ENCODER)
        _write_tensors(place / "model.safetensors", model.predictor.head_tensors())
    else:
        _write_tensors(place / "model.safetensors", model.predictor.tensors())
    if model.maker.same or model.views & OF_WORDS:
        write_json(place / "words.json", model.maker.words.state())
        _write_tensors(place / "words.safetensors", model.maker.words.tensors())
    if model.rejection is not None:
        write_json(place / "unknown.json", model.rejection.facts())
        _write_tensors(place / "unknown.safetensors", model.rejection.tensors())
    if model.candidate.graphs:
        _write_graphs(model, place / "graph")


def _write_graphs(model: FittedModel, place: Path) -> None:
    place.mkdir()
    data, stored = model.data, model.stored
    views: set[View] = {*model.candidate.views, *(model.graphs[n].view for n in model.candidate.graphs)}
    _write_tensors(place / "features.safetensors", data.features.tensors(views))
    for number, name in enumerate(sorted(model.candidate.graphs)):
        built = data.graphs[name]
        features = data.features.dense(model.graphs[name].view)
        # The features a graph was built on are those saved above: once is enough.
        extra = {key: t for key, t in built.tensors().items() if t is not features}
        graph = {"crow": built.graph.crow, "col": built.graph.col, "weight": built.graph.weight}
        named = {f"graph.{key}": t for key, t in graph.items()} | {
            f"own.{key}": t for key, t in extra.items()
        }
        shared = [key for key, t in built.tensors().items() if t is features]
        _write_tensors(place / f"{number}.safetensors", named)
        write_json(place / f"{number}.json", {"name": name, "texts": built.graph.texts, "shared": shared})
    columns = {"id": stored.ids, "text": stored.texts, "label": pa.array(stored.labels, pa.int64())}
    if stored.marks is not None:
        columns["labels"] = [np.flatnonzero(own).tolist() for own in stored.marks]
    rows = pa.table(columns)
    pq.write_table(rows, place / "rows.parquet", compression="zstd")


def _read_parts(directory: Path, manifest: Mapping[str, Any]) -> FittedModel:
    classes = tuple(json.loads((directory / "labels.json").read_text(encoding="utf-8")))
    own, fingerprint = directory / _ENCODER, manifest["encoder"]["fingerprint"]
    exported = located_onnx(str(own)) if is_exported(own) else None
    # In what older ones wrote, an encoder with a folder always serves by itself.
    serves = own.is_dir() and bool(manifest["encoder"].get("serves", True))
    carried = Transformer(str(own)) if own.is_dir() and exported is None and not serves else exported
    taught = _SERVED in manifest["files"]
    plan = _read_plan(directory / (_SERVED if taught else _PLAN), carried)
    candidate = plan.candidates[0]
    words, blocks = _read_words(directory), tuple(map(int, manifest["encoder"].get("blocks", ())))
    if carried is None:
        maker = _maker(plan, words, blocks, None if own.is_dir() else fingerprint)
    else:
        base = _base_maker(plan, words, blocks) if serves else None
        maker = base or FeatureMaker(carried, words, blocks)
    outcome = outcome_from_json(json.loads((directory / "metrics.json").read_text(encoding="utf-8")))
    facts = json.loads((directory / "calibration.json").read_text(encoding="utf-8"))
    weights = facts["weights"]
    limits = facts.get("thresholds")
    calibration = Calibration(
        float(facts["temperature"]),
        None if weights is None else tuple(weights),
        None if limits is None else tuple(limits),
    )
    graphs = {one.name: one for one in plan.graphs}
    data, stored = _read_graphs(directory / "graph", plan, maker, len(classes))
    if plan.separator is not None and data.marks is None:
        data = replace(data, marks=np.zeros((0, len(classes)), dtype=bool))
    tensors = _read_tensors(directory / "model.safetensors")
    rejection = _read_rejection(directory)
    if serves:
        if exported is None:
            predictor = FittedTuned.by_itself(maker.encoder, own, tensors)
        else:
            predictor = FittedExported(exported, tensors)
        # Distances are those of the encoder that was tuned, which may have become another since.
        rejection = rejection if _still(maker.encoder, fingerprint) else None
    else:
        predictor = candidate.restored(data, tensors)
    kind = manifest.get("labels", "text")
    return FittedModel(
        plan,
        classes,
        candidate,
        predictor,
        data,
        maker,
        graphs,
        stored,
        calibration,
        outcome,
        kind,
        rejection,
        _read_compression(directory),
        # As it was written: the encoder it names, which is no longer needed, need not be there.
        (directory / _PLAN).read_text(encoding="utf-8") if taught else None,
    )


def _read_plan(file: Path, carried: Onnx | Transformer | None) -> Plan:
    if carried is None:
        return Plan.read(file)
    raw = tomllib.loads(file.read_text(encoding="utf-8"))
    try:
        from_name(str(raw["encoder"]))
    except EncoderError:
        # What was made smaller is needed no more: its place is taken by what became of it.
        raw["encoder"] = carried.name
    return Plan.from_text(tomli_w.dumps(raw))


def _still(encoder: FittedEncoder, fingerprint: str) -> bool:
    try:
        return encoder.fingerprint == fingerprint
    except EncoderError:
        return False


def _read_compression(directory: Path) -> Compression | None:
    file = directory / _COMPRESSION
    if not file.is_file():
        return None
    return Compression.of(json.loads(file.read_text(encoding="utf-8")))


def _read_rejection(directory: Path) -> Rejection | None:
    if not (directory / "unknown.json").is_file():
        return None  # models of earlier formats have none
    facts = json.loads((directory / "unknown.json").read_text(encoding="utf-8"))
    return Rejection.restored(facts, _read_tensors(directory / "unknown.safetensors"))


def _read_words(directory: Path) -> FittedTfidf | None:
    if not (directory / "words.json").is_file():
        return None
    state = json.loads((directory / "words.json").read_text(encoding="utf-8"))
    return FittedTfidf.restore(state, _read_tensors(directory / "words.safetensors"))


def _maker(
    plan: Plan, words: FittedTfidf | None, blocks: tuple[int, ...], fingerprint: str | None
) -> FeatureMaker:
    encoder = from_name(plan.encoder)
    fitted = words if words is not None and encoder == Tfidf() else encoder.fit(())
    if fingerprint is not None and fitted.fingerprint != fingerprint:
        raise ModelError(
            f"The encoder {plan.encoder} is no longer the one this model was trained with.",
            fix="put the encoder back as it was, or fit the model again.",
        )
    return FeatureMaker(fitted, words, blocks)


def _base_maker(plan: Plan, words: FittedTfidf | None, blocks: tuple[int, ...]) -> FeatureMaker | None:
    """Return what the encoder that was tuned makes of texts; None where it is not there any more."""
    try:
        return _maker(plan, words, blocks, None)
    except EncoderError:
        return None


def _read_graphs(place: Path, plan: Plan, maker: FeatureMaker, classes: int) -> tuple[Data, Stored]:
    if not plan.candidates[0].graphs:
        nothing = np.zeros(0, dtype=np.int64)
        return Data(maker.features(()), {}, nothing, classes), Stored((), (), nothing)
    rows = pq.read_table(place / "rows.parquet")
    ids, texts = tuple(rows["id"].to_pylist()), tuple(rows["text"].to_pylist())
    labels = rows["label"].to_numpy().astype(np.int64)
    features = Features(maker, texts, _read_tensors(place / "features.safetensors"))
    built = {}
    for number, named in enumerate(sorted(plan.graphs, key=lambda one: one.name)):
        facts = json.loads((place / f"{number}.json").read_text(encoding="utf-8"))
        tensors = _read_tensors(place / f"{number}.safetensors")
        graph = TextGraph(
            tensors["graph.crow"], tensors["graph.col"], tensors["graph.weight"], facts["texts"]
        )
        own = {key.removeprefix("own."): t for key, t in tensors.items() if key.startswith("own.")}
        own |= dict.fromkeys(facts["shared"], features.dense(named.view))
        built[named.name] = named.builder.restored(graph, ids, own)
    marks = None
    if "labels" in rows.column_names:
        marks = np.zeros((len(labels), classes), dtype=bool)
        for row, own in enumerate(rows["labels"].to_pylist()):
            marks[row, own] = True
    return Data(features, built, labels, classes, marks=marks), Stored(ids, texts, labels, marks)


def _trusted_manifest(directory: Path) -> dict[str, Any]:
    again = "fit the model again, or take another copy of it."
    path = directory / MANIFEST
    if not directory.is_dir():
        raise ModelError(
            f"There is no model directory {directory}.", fix="name a directory that fit has written."
        )
    if not path.is_file():
        raise ModelError(f"{directory} is no graphtune model: it has no {MANIFEST}.", fix=again)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version, files = int(manifest["format"]), dict(manifest["files"])
        made_by = str(manifest["graphtune"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} was altered or cut short.", fix=again) from error
    if version > FORMAT:
        raise ModelError(
            f"{directory} was written by graphtune {made_by}, newer than this one ({graphtune.__version__}).",
            fix="update graphtune: pip install --upgrade graphtune",
        )
    wrong = altered(directory, files)
    if wrong:
        raise ModelError(f"The model {directory} is not as it was saved: {'; '.join(wrong)}.", fix=again)
    return manifest


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)
