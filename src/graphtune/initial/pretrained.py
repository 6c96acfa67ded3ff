"""Start from layers that were pre-trained and saved before.

Source: Hu et al., ICLR 2020, arXiv:1905.12265, section 3 (pre-train once, tune for each task).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from graphtune.errors import PlanError
from graphtune.initial.layers_file import LayersFacts, read_layers, read_layers_facts
from graphtune.model import Model, Task
from graphtune.phase import Phase


@dataclass(frozen=True)
class Pretrained:
    """Copy the weights that ``graphtune pretrain`` wrote to a directory into the layers.

    Raises:
        PlanError: the network's layers are of another kind, number or width than the saved ones, have other
            heads or hops, or read other features (on the first phase).
        ModelError: the directory is missing, incomplete or altered (on the first phase).
    """

    compared: ClassVar[bool] = False  # there is nothing to compare without a directory

    directory: str = ""

    def phases(self, model: Model, task: Task) -> Iterator[Phase]:
        """Copy the weights, and yield nothing."""
        facts = self.facts
        kinds = [type(layer).__name__ for layer in model.layers]
        self._same("layers", facts.depth, len(kinds), "depth")
        self._same("layers of the kind", facts.layer, "/".join(dict.fromkeys(kinds)), "layer")
        self._same("a width of", facts.width, model.head.in_features, "width")
        self._same("features of a node:", facts.inputs, task.features.shape[1], "encoder and view")
        for name in ("heads", "hops"):
            saved = getattr(facts, name)
            for layer in model.layers if saved is not None else ():
                self._same(f"layers with {name} =", saved, getattr(layer, name, None), name)
        tensors, own = read_layers(self._place), model.layers.state_dict()
        saved, here = ({name: tuple(t.shape) for name, t in one.items()} for one in (tensors, own))
        self._same("layers with the weights", saved, here, "settings of the layers")
        model.layers.load_state_dict(tensors)
        yield from ()

    @property
    def facts(self) -> LayersFacts:
        """What is saved there.

        Raises:
            PlanError: no directory was named.
            ModelError: the directory is missing, incomplete or altered.
        """
        if not self.directory:
            raise PlanError(
                "Pretrained names no directory.", fix='give directory = "…", which graphtune pretrain wrote.'
            )
        return read_layers_facts(self._place)

    def check_reads(self, view: str, fingerprint: str) -> None:
        """See that a network reads what the saved layers were trained on: a view of an encoder's rows.

        Raises:
            PlanError: it does not.
            ModelError: as `facts`.
        """
        facts = self.facts
        self._same("the view", facts.view, view, "view")
        if facts.fingerprint != fingerprint:
            raise PlanError(
                f"The network in {self.directory} was pre-trained on rows of the encoder {facts.encoder} "
                f"({facts.fingerprint[:12]}…), but the rows here are those of another ({fingerprint[:12]}…).",
                fix=f"use the encoder {facts.encoder} here too, or pre-train with the one used here.",
            )

    @property
    def _place(self) -> Path:
        return Path(self.directory)

    def _same(self, what: str, saved: object, here: object, settings: str) -> None:
        if saved != here:
            raise PlanError(
                f"The network in {self.directory} has {what} {saved}, but the one to start has {here}.",
                fix=f"give the network the {settings} of the saved one, or pre-train one like it.",
            )
