"""Spaces over a small corpus, and trials that draw at random."""

from functools import cache

from corpus import setting

from graphtune.select.graphs import usual
from graphtune.sweep.space import Space, Which
from graphtune.sweep.structure import named


@cache
def space(which: Which = "all", *, links: bool = False, same: bool = False) -> Space:
    return Space.of(which, setting()[0], links=links, same=same)


def graphs(*, links: bool = False, same: bool = False) -> tuple:
    known = usual(links=links, same=same, nodes=45)
    return tuple(named(one.builder, one.view) for one in known)
