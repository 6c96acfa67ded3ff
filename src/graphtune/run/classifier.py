"""A text classifier with scikit-learn's conventions."""

import inspect
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from graphtune import progress
from graphtune.errors import PlanError, TableError
from graphtune.plan import ClassShares, Plan, ServeAs, tunes
from graphtune.plan.budget import seconds
from graphtune.run.fit import fit_table
from graphtune.run.fitted import FittedModel, Neighbour
from graphtune.run.given import Edges, labels_of, links_of, table_of
from graphtune.run.saved import load, save
from graphtune.select import Outcome
from graphtune.table import Links, Table, check_clash, from_lists, separator_of
from graphtune.table.cell import as_label

_READ = {"text": str, "whole": int, "number": float, "truth": lambda name: name == "True"}


class TextClassifier(ClassifierMixin, BaseEstimator):
    """Choose, train and apply the classifier that serves labelled texts best, with or without a graph.

    All labelled rows are learned from; candidates are compared on folds of them, and no test part is set
    aside. The constructor only keeps its arguments, which are looked at by `fit`.

    Args:
        encoder: ``minilm``, ``static``, ``tfidf``, a Hugging Face directory or a hub id; ``static:NAME`` is
            distilled from such a directory or id.
        budget: time for the whole fit: ``"90s"``, ``"5m"``, ``"1h30m"``, or a number of seconds; None = what
            a search needs, five minutes at most.
        seed: of every random choice.
        transductive: whether the ``unlabelled`` texts of `fit` count as those to be predicted. They are in
            the graph either way; this is what the outcome's protocol then says.
        tune: whether the encoder is tuned after the search; None = where a ``budget`` is given and the
            encoder is a transformer.
        serve_as: "graph" keeps the best model that reads a graph, "encoder" the tuned encoder alone, "auto"
            whatever held-out texts say.
        class_shares: "estimated" lets the unlabelled texts correct how often few labels have each class
            predicted, where they show far other shares, or the same and most is right; "labelled" does not.
        keep_rare: whether a class with one labelled text is learned, though nothing checks it; else such a
            class is refused.
        unknown_label: a label whose rows are of no class: they are no class of the model, and choose how such
            texts are told (`predict` with ``unknown``).
        multi_label: whether a text may have several labels, or none: then `fit` takes a list of labels of
            each text, `predict` gives one, and `predict_proba` has a probability of each label by itself.
        plan: a `Plan` or the path of one, in place of all of the above.
        verbose: whether progress is written to standard error.
        class_names: whether the name of a class counts as one more text of it; None = where labels are few.
            Names without words, such as numbers, never do.
        start: directory of a network that ``graphtune pretrain`` has left: what starts from it is tried too.
    """

    # Texts and labels are what others call X and y: they are no metadata to be routed.
    __metadata_request__fit: ClassVar = {"texts": UNUSED, "labels": UNUSED}
    __metadata_request__predict: ClassVar = {"texts": UNUSED}
    __metadata_request__predict_proba: ClassVar = {"texts": UNUSED}
    __metadata_request__score: ClassVar = {"texts": UNUSED, "labels": UNUSED}

    def __init__(
        self,
        encoder: str = "minilm",
        budget: str | float | int | None = None,
        seed: int = 0,
        transductive: bool = False,
        tune: bool | None = None,
        serve_as: ServeAs = "auto",
        class_shares: ClassShares = "estimated",
        keep_rare: bool = False,
        unknown_label: object = None,
        multi_label: bool = False,
        plan: Plan | str | Path | None = None,
        verbose: bool = False,
        class_names: bool | None = None,
        start: str | Path | None = None,
    ) -> None:
        self.encoder = encoder
        self.budget = budget
        self.seed = seed
        self.transductive = transductive
        self.tune = tune
        self.serve_as: ServeAs = serve_as
        self.class_shares: ClassShares = class_shares
        self.class_names = class_names
        self.keep_rare = keep_rare
        self.unknown_label = unknown_label
        self.multi_label = multi_label
        self.plan = plan
        self.verbose = verbose
        self.start = start

    def fit(
        self,
        texts: Iterable[object],
        labels: Iterable[object],
        *,
        unlabelled: Iterable[object] | None = None,
        edges: Edges | None = None,
        ids: Iterable[object] | None = None,
        sample_weight: Iterable[object] | None = None,
    ) -> "TextClassifier":
        """Choose and train a classifier.

        Args:
            texts: the texts.
            labels: one of each text: text, whole numbers, numbers or truth values; None, NaN and the number
                -1 mean "unlabelled".
            unlabelled: more texts without a label; they number on after ``texts``.
            edges: links between rows: pairs (source, target) or triples with a weight, of ids or, where there
                are no ``ids``, of row numbers; or a `Links`; or a frame or file as for ``graphtune fit``.
            ids: one of each text, or one of each text and each unlabelled text.
            sample_weight: of each text, 0 or more.

        Raises:
            TableError: texts, labels or edges that cannot be used, with everything that is wrong with them.
            PlanError: settings that cannot be carried out.
            EncoderError: the encoder is not there.
            ModelError: ``start`` holds no whole pre-trained network.
        """
        plan = self._plan()
        table, kind, dtype = table_of(texts, labels, unlabelled, ids, sample_weight, plan)
        links = links_of(edges, table.ids, "fit")
        with progress.shown(self.verbose):
            model = fit_table(table, plan=plan, into=None, links=links)
        return self._took(replace(model, label_kind=kind), dtype)

    def predict(
        self,
        texts: Iterable[object],
        *,
        ids: Iterable[object] | None = None,
        edges: Edges | None = None,
        unknown: object = None,
    ) -> Shaped[np.ndarray, " B"]:
        """Return each text's most probable class, as a value of `classes_`; arguments as `predict_proba`.

        Where texts may have several labels it is a list of each, in an array of objects. With ``unknown``,
        texts whose `unknown_scores` are above `unknown_threshold_` get this value instead.
        """
        check_is_fitted(self, "model_")
        if unknown is None and self.model_.several:
            model, table, links = self._asked(texts, ids, edges)
            with progress.shown(self.verbose):
                found = model.probabilities(table.texts, ids=None if ids is None else table.ids, links=links)
            claims = self._in_order(model.calibration.claims(found))
            told = np.empty(len(claims), dtype=object)
            for row, own in enumerate(claims):
                told[row] = self.classes_[own].tolist()
            return told
        if unknown is None:
            return self.classes_[self.predict_proba(texts, ids=ids, edges=edges).argmax(axis=1)]
        found, scores = self._judged(texts, ids, edges)
        told = self.classes_[self._in_order(found).argmax(axis=1)]
        same = isinstance(unknown, str) == (told.dtype.kind in "US")
        told = np.asarray(told, dtype=np.result_type(told, np.asarray(unknown)) if same else object)
        told[scores > np.float32(self.unknown_threshold_)] = unknown
        return told

    def score(  # type: ignore[override] # texts and labels are what others call X and y
        self, texts: Iterable[object], labels: Iterable[object], sample_weight: Any = None
    ) -> float:
        """Return the accuracy, 0 … 1; where texts may have several labels, the micro-averaged F1.

        ``sample_weight`` is one weight a text, as for `fit`; it is for the accuracy only.

        Raises:
            TableError: a weight is given where texts may have several labels.
        """
        check_is_fitted(self, "model_")
        if not self.model_.several:
            return float(super().score(texts, labels, sample_weight))
        if sample_weight is not None:
            raise TableError("The micro-averaged F1 of texts takes no weights.", fix="leave them out.")
        given: list[Any] = list(labels)
        found = self.predict(texts)
        wrong = [one for one in given if not isinstance(one, list | tuple | set | frozenset | np.ndarray)]
        if wrong or len(given) != len(found):
            raise TableError(
                f"There are {len(found)} texts and {len(given)} labels"
                + (f", among them {wrong[0]!r}, which is no list of labels." if wrong else "."),
                fix="give one list of labels for each text; an empty one where none applies.",
            )
        pairs = [(set(own), set(true)) for own, true in zip(found, given, strict=True)]
        every = sum(len(own) + len(true) for own, true in pairs)
        return 2 * sum(len(own & true) for own, true in pairs) / every if every else 1.0

    def unknown_scores(
        self,
        texts: Iterable[object],
        *,
        ids: Iterable[object] | None = None,
        edges: Edges | None = None,
    ) -> Float32[np.ndarray, " B"]:
        """Return how unlike all that was learned from each text is; arguments as `predict_proba`.

        The score is 0 for the mean of held-out texts of the classes, in units near their standard deviation.

        Raises:
            ModelError: an older graphtune made the model, or a plan that reads no meaning of texts.
        """
        return self._judged(texts, ids, edges)[1]

    @property
    def unknown_threshold_(self) -> float:
        """The score above which a text is taken to be of no class."""
        check_is_fitted(self, "model_")
        return self.model_.telling.threshold

    def predict_proba(
        self,
        texts: Iterable[object],
        *,
        ids: Iterable[object] | None = None,
        edges: Edges | None = None,
    ) -> Float32[np.ndarray, "B C"]:
        """Return each text's class probabilities, columns in the order of ``classes_``.

        Args:
            texts: the texts.
            ids: one of each text, for ``edges`` to name it by.
            edges: links of these texts to those of `fit` and to one another, as for `fit`. An id in them must
                not be that of one text of `fit` and of another text here.

        Raises:
            NotFittedError: `fit` comes first.
            TableError: texts or edges that cannot be used.
        """
        model, table, links = self._asked(texts, ids, edges)
        with progress.shown(self.verbose):
            found = model.probabilities(table.texts, ids=None if ids is None else table.ids, links=links)
        return self._in_order(found)

    def neighbours(
        self,
        texts: Iterable[object],
        k: int = 5,
        *,
        ids: Iterable[object] | None = None,
        edges: Edges | None = None,
    ) -> list[list[Neighbour]]:
        """Return, for each text, the up to ``k`` texts of `fit` it receives most from, labels by their names.

        Raises:
            ModelError: the graph did not help, so the chosen model has none.
        """
        model, table, links = self._asked(texts, ids, edges)
        return model.neighbours(table.texts, k, ids=None if ids is None else table.ids, links=links)

    @property
    def outcome_(self) -> Outcome:
        """What the fit says of itself: candidates, graphs, and whether a graph helps."""
        check_is_fitted(self, "model_")
        return self.model_.outcome

    def save(self, directory: str | Path) -> None:
        """Write the model as ``graphtune fit`` does; the command can read it.

        Raises:
            NotFittedError: `fit` comes first.
            OutputError: the place cannot be written to; what was there before is untouched.
        """
        check_is_fitted(self, "model_")
        save(self.model_, Path(directory))

    @classmethod
    def load(cls, directory: str | Path) -> "TextClassifier":
        """Read a model that `save` or ``graphtune fit`` wrote.

        Raises:
            ModelError: it is missing, incomplete, altered, or of a newer graphtune.
            EncoderError: its encoder is not there, or no longer the one it was trained with.
        """
        model = load(Path(directory))
        plan = model.plan
        made = cls(
            plan.encoder,
            plan.budget_seconds,
            plan.seed,
            plan.transductive,
            plan.tune,
            class_shares=plan.class_shares,
            class_names=plan.class_names,
            keep_rare=plan.keep_rare,
            multi_label=plan.separator is not None,
            unknown_label=None if plan.unknown_labels is None else plan.unknown_labels[0],
        )
        return made._took(model, None)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    def _took(self, model: FittedModel, dtype: np.dtype[Any] | None) -> "TextClassifier":
        self.model_ = model
        self.classes_ = np.array(sorted(map(_READ[model.label_kind], model.classes)), dtype=dtype)
        return self

    def _in_order(self, found: Shaped[np.ndarray, "B C"]) -> Shaped[np.ndarray, "B C"]:
        names = [str(as_label(value)) for value in self.classes_]
        return found[:, [self.model_.classes.index(name) for name in names]]

    def _judged(
        self, texts: Iterable[object], ids: Iterable[object] | None, edges: Edges | None
    ) -> tuple[Float32[np.ndarray, "B C"], Float32[np.ndarray, " B"]]:
        model, table, links = self._asked(texts, ids, edges)
        with progress.shown(self.verbose):
            return model.judged(table.texts, ids=None if ids is None else table.ids, links=links)

    def _asked(
        self, texts: Iterable[object], ids: Iterable[object] | None, edges: Edges | None
    ) -> tuple[FittedModel, Table, Links | None]:
        check_is_fitted(self, "model_")
        if edges is not None and ids is None:
            raise TableError(
                "Edges were given, but no ids that say which text is which.", fix="give ids, one a text."
            )
        table, stored = from_lists(texts, ids=ids), self.model_.stored
        links = links_of(edges, table.ids, "predict")
        if links is not None and self.model_.candidate.graphs:
            check_clash(links, "the edges", table, stored.ids, stored.texts)
        return self.model_, table, links

    def _plan(self) -> Plan:
        if self.plan is None:
            given = Plan.budget_seconds if self.budget is None else seconds(str(self.budget))
            timed = self.budget is not None and not self.multi_label  # encoders learn one label a text
            return Plan(
                encoder=self.encoder,
                budget_seconds=given,
                seed=self.seed,
                transductive=self.transductive,
                tune=tunes(self.encoder, self.tune, self.serve_as, timed=timed),
                serve_as=self.serve_as,
                class_shares=self.class_shares,
                class_names=self.class_names,
                keep_rare=self.keep_rare,
                start=None if self.start is None else str(self.start),
                separator=separator_of(None, several=self.multi_label),
                unknown_labels=labels_of(self.unknown_label),
            )
        usual = inspect.signature(type(self)).parameters
        settings = [name for name in usual if name not in ("plan", "verbose")]
        asked = [name for name in settings if getattr(self, name) != usual[name].default]
        if asked:
            said = ", ".join(f"{name}={getattr(self, name)!r}" for name in asked)
            raise PlanError(
                f"Both a plan and {said} are given.",
                fix="say it in the plan, or leave the plan out.",
            )
        return self.plan if isinstance(self.plan, Plan) else Plan.read(Path(self.plan))
