"""Every text encoded once, before anything is timed."""

import time
from collections.abc import Sequence
from itertools import chain

from graphtune.compare.conditions import Conditions
from graphtune.compare.method import Method
from graphtune.compare.shown import minutes
from graphtune.encoder import BlockEncoder, Tfidf, cached_blocks, from_name, uncached
from graphtune.errors import PlanError
from graphtune.progress import say
from graphtune.report.wording import counted, duration

_SHARE = 0.8  # of the budget that encoding may take, for anything to be compared


def fill_cache(
    conditions: Conditions, budget: float, methods: Sequence[Method] = ()
) -> tuple[int, float | None]:
    """Fill the cache with all texts, test rows included: frozen weights learn nothing from them.

    The blocks that ``methods`` read beside the last are kept too.
    """
    named = from_name(conditions.encoder)
    if isinstance(named, Tfidf):
        return 0, None  # every training learns it anew
    encoder = named.fit(())
    if not isinstance(encoder, BlockEncoder):
        return 0, None
    blocks = sorted({encoder.depth, *chain.from_iterable(method.blocks(encoder) for method in methods)})
    missing = uncached(encoder, conditions.table.texts, blocks)
    if not missing:
        return 0, None
    sample = missing[:: max(1, len(missing) // 64)][:64]
    start = time.monotonic()
    cached_blocks(encoder, sample, blocks)
    likely = (time.monotonic() - start) * len(missing) / len(sample)
    if likely > _SHARE * budget:
        raise PlanError(
            f"A budget of {duration(budget)} is too small: encoding {counted(len(missing), 'text')} with "
            f"{conditions.encoder} alone takes about {duration(likely)}.",
            fix=f"give at least --budget {minutes(2 * likely)}, or a faster encoder: --encoder static.",
        )
    say(f"encoding {counted(len(missing), 'text')} with {conditions.encoder}")
    cached_blocks(encoder, conditions.table.texts, blocks)
    return len(missing), time.monotonic() - start
