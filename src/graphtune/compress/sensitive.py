"""Which modules must stay in float32 so that an encoder's rows do not move too far."""

from collections.abc import Callable, Sequence

from graphtune.progress import bar, say


def kept_in_float(
    cosine: Callable[[tuple[str, ...]], float],
    modules: Sequence[str],
    always: Sequence[str],
    target: float,
) -> tuple[str, ...]:
    """Return the modules that stay in float32, in the order of ``modules``.

    Where all but those of ``always`` become integers and ``target`` is met, these are all. Else each module
    is made integers by itself, and those that move the rows most are kept, one after another, until the
    target is met.

    Args:
        cosine: the mean cosine of rows before and after, when those that are named stay in float32.
        modules: the names of all.
        always: those that stay in any case.
        target: the least cosine to reach.
    """
    kept = tuple(name for name in modules if name in always)
    reached = cosine(kept)
    if reached >= target:
        return kept
    say(f"the mean cosine is {reached:.4f}, less than {target:g}: finding what moves the rows most")
    free = [name for name in modules if name not in kept]
    alone = {}
    with bar("Quantising one by one", float(len(free)), "modules") as progress:
        for name in free:
            alone[name] = cosine(tuple(other for other in modules if other != name))
            progress.advance(1.0)
    for name in sorted(free, key=lambda one: (alone[one], modules.index(one))):
        kept = tuple(one for one in modules if one in kept or one == name)
        reached = cosine(kept)
        say(f"with {name} in float32: {reached:.4f}")
        if reached >= target:
            break
    return kept
