"""From a table of texts to a pre-trained network on disk, without a label."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from graphtune.encoder import Tfidf, from_name
from graphtune.errors import PlanError, TableError
from graphtune.initial import Usual
from graphtune.initial.layers_file import LayersFacts, check_layers_place, write_layers
from graphtune.model.graph import hops_of
from graphtune.progress import say
from graphtune.run.ready import check_blocks
from graphtune.select import FeatureMaker
from graphtune.select.graphs import build, usual
from graphtune.select.network import Network
from graphtune.table import Links, Table


def pretrain_table(
    table: Table,
    *,
    network: Network,
    encoder: str,
    into: Path,
    links: Links | None = None,
    seed: int = 0,
    resume: bool = False,
) -> LayersFacts:
    """Train the layers of ``network`` by its ``initial`` on the texts of ``table``; write them to ``into``.

    Rows whose split is val or test are left out, and labels are not read. The graph is that of the given
    links, else that of the most similar texts. With ``resume``, an interrupted training goes on, and ends
    with the same weights as an uninterrupted one.

    Raises:
        TableError: no row is for training.
        PlanError: the encoder's rows mean something else for every table, or the network's ``initial`` or
            ``layer`` cannot be trained.
        EncoderError: the encoder is not there.
        OutputError: ``into`` cannot be written to; found out before any work where possible.
        TrainError: what is to be resumed is damaged, or of other texts or settings; a loss is not finite.
    """
    into = into.absolute()
    check_layers_place(into)
    reader = from_name(encoder)
    if isinstance(reader, Tfidf):
        raise PlanError(
            "The encoder tfidf counts the words of each table anew: what a network learns from its rows does "
            "not carry over to another table.",
            fix="use minilm, static or a directory with a Hugging Face model.",
        )
    if isinstance(network.initial, Usual):
        raise PlanError(
            "The network has nothing to be pre-trained by.", fix="give it an initial, such as GraphMAE()."
        )
    rows = np.flatnonzero(np.isin(np.array(table.split), ["train", ""]))
    if not len(rows):
        raise TableError(
            "No row is for training: all are val or test rows.", fix="give rows whose split is train."
        )
    texts = tuple(table.texts[row] for row in rows)
    say(f"encoding {len(texts)} texts with {encoder}")
    fitted = reader.fit(texts)
    check_blocks(encoder, {network.view})
    features = FeatureMaker.of(fitted, None, {network.view}).features(texts)
    x = features.dense(network.view)
    named = replace(usual(links=links is not None, views={"meaning"}, nodes=len(rows))[0], view=network.view)
    graph = build([named], features, tuple(table.ids[row] for row in rows), links)[named.name].graph
    checkpoints = into.parent / f".{into.name}.graphtune-pretrain"
    model, history = network.started(x, graph, seed=seed, into=checkpoints, resume=resume)
    facts = LayersFacts(
        layer=network.layer.__name__,
        inputs=x.shape[1],
        width=network.width,
        depth=network.depth,
        encoder=encoder,
        fingerprint=fitted.fingerprint,
        view=network.view,
        objective=repr(network.initial),
        texts=len(texts),
        loss=history.epochs[-1].loss,
        heads=getattr(model.layers[0], "heads", None),
        hops=hops_of(model.layers[0]),
    )
    write_layers(model.layers, facts, texts, into)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return facts
