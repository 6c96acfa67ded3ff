"""Spaces over a small corpus, and trials that draw at random."""

from dataclasses import replace
from functools import cache

from corpus import setting

from graphtune.encoder import Static, Tfidf
from graphtune.select import FeatureMaker, View
from graphtune.select.features import views_there
from graphtune.select.graphs import usual
from graphtune.sweep.space import Space, Which
from graphtune.sweep.structure import named


@cache
def space(which: Which = "all", *, links: bool = False, same: bool = False) -> Space:
    data = setting()[0]
    if same:
        words = data.features.maker.words
        data = replace(data, features=FeatureMaker(words, words).features(data.features.texts))
    return Space.of(which, data, links=links)


def views(*, same: bool = False) -> frozenset[View]:
    """Return the views that are read of texts without a transformer."""
    return views_there(Tfidf() if same else Static(), 45)


def graphs(*, links: bool = False, same: bool = False) -> tuple:
    known = usual(links=links, views=views(same=same), nodes=45)
    return tuple(named(one.builder, one.view) for one in known)
