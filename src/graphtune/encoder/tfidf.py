"""Weighted counts of terms, and their projection to few dimensions.

Source: Salton & Buckley, Information Processing & Management 24(5), 1988 (sublinear tf-idf); Deerwester et
al., JASIS 41(6), 1990 (the projection); Halko, Martinsson & Tropp, SIAM Review 53(2), 2011, algorithm 4.4.
Differs from the papers: idf = 1 + ln((1 + T) / (1 + df)), so that a term which is in every text still counts.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from graphtune.encoder.terms import terms
from graphtune.errors import EncoderError

_STATE = 1  # version of `FittedTfidf.state`


@dataclass(frozen=True)
class Tfidf:
    """Term counts: sparse, or dense by a truncated singular value decomposition."""

    width: int = 256  # dense features; fewer where the texts do not span as many
    min_df: int = 1  # texts a term must occur in
    max_features: int = 400_000  # the most frequent terms are kept
    dense_terms: int = 30_000  # the decomposition reads the terms that are in most texts
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("width", "min_df", "max_features", "dense_terms"):
            if getattr(self, name) < 1:
                raise EncoderError(
                    f"encoder.{name} = {getattr(self, name)} is below 1.", fix="use 1 or more."
                )

    def describe(self) -> dict[str, Any]:
        """Return ``kind`` and every field, as a plan writes them."""
        return {"kind": "Tfidf", **asdict(self)}

    def fit(self, texts: Sequence[str], *, dense: bool = True) -> "FittedTfidf":
        """Learn vocabulary, idf and projection. Cost: O(dense_terms * width) memory beside the counts.

        Unless ``dense``, the projection is left out, which takes most of the time.

        Raises:
            EncoderError: there is no term at all in the texts, or none in ``min_df`` of them.
        """
        columns: dict[str, int] = {}
        counts = _counted(texts, columns, learn=True)
        if not columns:
            raise EncoderError(
                f"None of the {len(texts)} texts has a word in it.",
                fix="check that the text column is right.",
            )
        names = np.array(list(columns), dtype=object)
        frequency = np.bincount(counts.indices, minlength=len(names))
        kept = _most_frequent(names, np.where(frequency >= self.min_df, frequency, 0), self.max_features)
        if not len(kept):
            raise EncoderError(
                f"No term occurs in {self.min_df} of the {len(texts)} texts.", fix="lower encoder.min_df."
            )
        names, frequency = names[kept], frequency[kept]
        idf = (1 + np.log((1 + len(texts)) / (1 + frequency))).astype(np.float32)
        matrix = _weighted(counts[:, kept], idf)
        projected, components = np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32)
        if dense:
            projected = _most_frequent(names, frequency, self.dense_terms)
            components = self._components(matrix[:, projected])
        parts = (idf, projected, components)
        return FittedTfidf(self, tuple(names.tolist()), *(torch.from_numpy(part) for part in parts))

    def _components(self, matrix: scipy.sparse.csr_array) -> Float32[np.ndarray, "V F"]:
        from sklearn.utils.extmath import randomized_svd

        width = min(self.width, *matrix.shape)  # type: ignore[misc]
        # Wrong in the library's inferred types: the fifth argument is a number or "auto".
        parts = randomized_svd(matrix, width, n_iter=4, random_state=self.seed)  # type: ignore[arg-type]
        return np.ascontiguousarray(parts[2].T, dtype=np.float32)  # type: ignore[index]


@dataclass(frozen=True, eq=False)
class FittedTfidf:
    """Vocabulary, idf and projection, ready for texts of any kind."""

    settings: Tfidf
    vocabulary: tuple[str, ...]
    idf: Float32[Tensor, " V"]
    dense_columns: Int64[Tensor, " D"]  # the terms the projection reads
    components: Float32[Tensor, "D F"]

    @property
    def width(self) -> int:
        """Number of dense features; 0 where it was fitted without the projection."""
        return self.components.shape[1]

    @property
    def parameters(self) -> int:
        """How many frequencies and projections it holds."""
        return sum(tensor.numel() for tensor in self.tensors().values())

    @property
    def fingerprint(self) -> str:
        """Digest of vocabulary, idf, projection and settings."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps(self.state()).encode())
        for tensor in self.tensors().values():
            digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    def encode(self, texts: Sequence[str]) -> Float32[Tensor, "T F"]:
        """Return the dense rows, of L2 norm 1; zeros for a text without a known term."""
        return self.dense(self.sparse(texts))

    def dense(self, matrix: scipy.sparse.csr_array) -> Float32[Tensor, "T F"]:
        """Return the dense rows of what `sparse` returned.

        Raises:
            ValueError: it was fitted without the projection.
        """
        if not self.width:
            raise ValueError("This TF-IDF was fitted without a projection to dense rows.")
        rows = matrix[:, self.dense_columns.numpy()] @ self.components.numpy()
        return torch.nn.functional.normalize(torch.from_numpy(np.asarray(rows, dtype=np.float32)), dim=1)

    def sparse(self, texts: Sequence[str]) -> scipy.sparse.csr_array:
        """Return texts x vocabulary in float32, rows of L2 norm 1; zeros for a text without a known term."""
        return _weighted(_counted(texts, self._columns, learn=False), self.idf.numpy())

    def state(self) -> dict[str, Any]:
        """Return what is saved as JSON."""
        return {"version": _STATE, "settings": self.settings.describe(), "vocabulary": list(self.vocabulary)}

    def tensors(self) -> dict[str, Tensor]:
        """Return what is saved as safetensors."""
        return {"idf": self.idf, "dense_columns": self.dense_columns, "components": self.components}

    @classmethod
    def restore(cls, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "FittedTfidf":
        """Return what `state` and `tensors` were taken from.

        Raises:
            EncoderError: they are of a newer version, or do not belong together.
        """
        if state.get("version") != _STATE:
            raise EncoderError(
                f"The saved vocabulary has version {state.get('version')!r}; {_STATE} is known here.",
                fix="update graphtune: pip install -U graphtune.",
            )
        settings = {name: value for name, value in state["settings"].items() if name != "kind"}
        idf, columns, components = (tensors[name] for name in ("idf", "dense_columns", "components"))
        if len(idf) != len(state["vocabulary"]) or len(columns) != len(components):
            raise EncoderError(
                f"The saved vocabulary has {len(state['vocabulary'])} terms but {len(idf)} weights.",
                fix="restore the saved model from where it came.",
            )
        return cls(Tfidf(**settings), tuple(state["vocabulary"]), idf, columns, components)

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {term: column for column, term in enumerate(self.vocabulary)}


def _counted(texts: Sequence[str], columns: dict[str, int], *, learn: bool) -> scipy.sparse.csr_array:
    """Return how often every term of ``columns`` is in every text; ``learn`` adds the terms that are met."""
    indices, values = [np.zeros(0, dtype=np.int32)], [np.zeros(0, dtype=np.float32)]
    for text in texts:
        found = terms(text)
        if learn:
            known = [columns.setdefault(term, len(columns)) for term in found]
        else:
            known = [columns[term] for term in found if term in columns]
        place, count = np.unique(np.array(known, dtype=np.int32), return_counts=True)
        indices.append(place)
        values.append(count.astype(np.float32))
    pointer = np.cumsum([len(place) for place in indices])
    index = np.int32 if pointer[-1] < 2**31 else np.int64
    parts = np.concatenate(values), np.concatenate(indices).astype(index), pointer.astype(index)
    return scipy.sparse.csr_array(parts, shape=(len(texts), len(columns)))


def _most_frequent(
    names: np.ndarray, frequency: Int64[np.ndarray, " V"], most: int
) -> Int64[np.ndarray, " W"]:
    """Return at most ``most`` columns that occur at all, by name; names also break ties."""
    by_name = np.argsort(names)
    chosen = by_name[np.argsort(-frequency[by_name], kind="stable")][:most]
    chosen = chosen[frequency[chosen] > 0]
    return chosen[np.argsort(names[chosen])].astype(np.int64)


def _weighted(counts: scipy.sparse.csr_array, idf: Float32[np.ndarray, " V"]) -> scipy.sparse.csr_array:
    """Return (1 + ln count) * idf with rows of L2 norm 1."""
    data = (1 + np.log(counts.data)) * idf[counts.indices]
    lengths = np.diff(counts.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    norm = np.sqrt(np.bincount(row, weights=data.astype(np.float64) ** 2, minlength=len(lengths)))
    scaled = (data / norm[row]).astype(np.float32)
    return scipy.sparse.csr_array((scaled, counts.indices, counts.indptr), shape=counts.shape)
