"""Which blocks of an encoder tell of a text beside the last."""

from graphtune.encoder.onnx import Onnx
from graphtune.encoder.transformer import Transformer

_STEPS = 3  # from the middle block to the last


def upper_blocks(encoder: object) -> tuple[int, ...]:
    """Return up to four blocks at equal steps from the middle to the last; none where there are no blocks.

    Half a transformer's depth is where what was learned of language in general is found; further up, rows
    come to tell what its last training asked for.
    """
    if isinstance(encoder, Onnx):
        return encoder.blocks
    if not isinstance(encoder, Transformer):
        return ()
    half = encoder.depth // 2
    return tuple(sorted({half + round(step * (encoder.depth - half) / _STEPS) for step in range(_STEPS + 1)}))
