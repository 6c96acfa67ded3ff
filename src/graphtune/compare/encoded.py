"""Every text encoded once, before anything is timed."""

import time

from graphtune.compare.conditions import Conditions
from graphtune.compare.shown import minutes
from graphtune.encoder import BlockEncoder, Tfidf, cached_encode, from_name, uncached
from graphtune.errors import PlanError
from graphtune.progress import say
from graphtune.report.wording import counted, duration

_SHARE = 0.8  # of the budget that encoding may take, for anything to be compared


def fill_cache(conditions: Conditions, budget: float) -> tuple[int, float | None]:
    """Fill the cache with all texts, test rows included: frozen weights learn nothing from them."""
    named = from_name(conditions.encoder)
    if isinstance(named, Tfidf):
        return 0, None  # every training learns it anew
    encoder = named.fit(())
    missing = uncached(encoder, conditions.table.texts) if isinstance(encoder, BlockEncoder) else []
    if not missing:
        return 0, None
    sample = missing[:: max(1, len(missing) // 64)][:64]
    start = time.monotonic()
    cached_encode(encoder, sample)
    likely = (time.monotonic() - start) * len(missing) / len(sample)
    if likely > _SHARE * budget:
        raise PlanError(
            f"A budget of {duration(budget)} is too small: encoding {counted(len(missing), 'text')} with "
            f"{conditions.encoder} alone takes about {duration(likely)}.",
            fix=f"give at least --budget {minutes(2 * likely)}, or a faster encoder: --encoder static.",
        )
    say(f"encoding {counted(len(missing), 'text')} with {conditions.encoder}")
    cached_encode(encoder, conditions.table.texts)
    return len(missing), time.monotonic() - start
