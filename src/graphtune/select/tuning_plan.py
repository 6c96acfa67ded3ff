"""How deep, how often and by which loss an encoder is tuned, in the time there is.

Source: Lee, Tang & Lin, 2019, arXiv:1911.03090, section 3 (the top blocks alone); Gunel et al., ICLR 2021,
arXiv:2011.01403, section 2 (a contrast of classes beside few labels).
Where one gives way to the other was found on rows held out of the training rows of five sets with MiniLM, in
equal time: up to two epochs of the top four blocks are better than what there is time for of all blocks, and
from there on they are not. Half an epoch was better than none by four points. The contrast was judged on
rows held out of the training rows: with three draws of 8 labels a class it gained 0.7 points on the mean of
eleven sets of up to 50 classes, and with 5 labels for each of 77 classes it lost 0.7.
"""

from graphtune.select.tuned import Tuned
from graphtune.strategy import EncoderTuning

TOP = 4  # blocks that learn, where there is no time for all
DEPTHS = (TOP, 2)  # blocks that learn from few labels: the second where there is no time for the first
LEAST = 0.1  # epochs of them, as a few steps tell, from which it is tried: they mostly tell too little
ENOUGH = 2.0  # epochs of them, from which all blocks are better for their time
_FEWEST, _MOST = 3, 8  # epochs, where time allows
_TEXTS = 16_000  # that are gone through, where between the two
_DEEP_RATE = 1e-4  # step size where all blocks learn
_CONTRAST = 1.0  # weight of the contrast of classes, where labels are few
_CONTRASTED = 64  # classes, up to which it is used: one in five texts has another of its class in a step


def by_few(blocks: int, classes: int) -> Tuned:
    """Return what tunes the top blocks on few labels, of so many classes."""
    return Tuned(blocks, EncoderTuning(contrast=_CONTRAST if classes <= _CONTRASTED else None))


def shallow(rows: int) -> Tuned:
    """Return what tunes the top blocks on so many rows, or until time is over."""
    return _paced(TOP, EncoderTuning().rate, rows)


def deep(rows: int, depth: int) -> Tuned:
    """Return what tunes all ``depth`` blocks and the embedding on so many rows, or until time is over."""
    return _paced(depth, _DEEP_RATE, rows)


def deep_epochs(epochs: float, depth: int) -> float:
    """Return how many epochs of all blocks take about as long as so many of the top ones."""
    return epochs * min(TOP, depth) / depth


def _paced(blocks: int, rate: float, rows: int) -> Tuned:
    epochs = min(_MOST, max(_FEWEST, _TEXTS // max(1, rows)))
    strategy = EncoderTuning(rate, epochs=epochs)
    # Time or the epochs alone end it, not the number of texts.
    return Tuned(blocks, strategy, texts=epochs * max(1, rows), paced=True, drops=False)
