"""Which data sets hold the same texts, or some of them: who learned from one has seen the others."""

_SHARED = {
    "newsgroups": ("20ng", "20ng_body"),
    "reuters": ("r8", "r52", "reuters90"),
    "trec": ("trec6", "trec50"),
    "films": ("mr", "sst2", "sst5", "subj"),
    "chinese reviews": ("chnsenticorp", "online_shopping10"),
}
_CORPORA = {dataset: corpus for corpus, datasets in _SHARED.items() for dataset in datasets}


def corpus_of(dataset: str) -> str:
    """Return what a set's texts are from; most sets stand by themselves."""
    return _CORPORA.get(dataset, dataset)
