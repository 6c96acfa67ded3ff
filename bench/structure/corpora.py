"""What has been seen already: sets of the same texts, and encoders of the same weights.

Who learned from a data set has seen all that hold the same texts, or some of them; an encoder that was cut or
tuned is hardly another one.
"""

import re

_SHARED = {
    "newsgroups": ("20ng", "20ng_body"),
    "reuters": ("r8", "r52", "reuters90"),
    "trec": ("trec6", "trec50"),
    "films": ("mr", "sst2", "sst5", "subj"),
    "chinese reviews": ("chnsenticorp", "online_shopping10"),
}
_CORPORA = {dataset: corpus for corpus, datasets in _SHARED.items() for dataset in datasets}


_VARIANT = re.compile(r"(?P<family>.+)-(\d+-blocks|tuned-(?P<dataset>\w+))")  # as variants.py names them


def family_of(encoder: str) -> str:
    """Return the encoder that one was made from; most are their own."""
    made = _VARIANT.fullmatch(encoder)
    return made["family"] if made else encoder


def seen_by(encoder: str) -> str | None:
    """Return what an encoder's own training read of the sets that are measured."""
    made = _VARIANT.fullmatch(encoder)
    return corpus_of(made["dataset"]) if made and made["dataset"] else None


def corpus_of(dataset: str) -> str:
    """Return what a set's texts are from; most sets stand by themselves."""
    return _CORPORA.get(dataset, dataset)
