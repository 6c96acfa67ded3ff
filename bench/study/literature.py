"""Published figures to hold ours against, each with how it was got; none was measured here."""

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["inductive", "transductive"]


@dataclass(frozen=True)
class Published:
    """One figure of one paper."""

    task: str
    method: str
    accuracy: float  # %
    protocol: Protocol
    source: str  # arXiv number, or where it was presented
    row: str | None = None  # of our bars, the same task
    on_test: bool = False  # the authors' code picks the best epoch by test accuracy
    spread: float | None = None  # standard deviation over seeds


_TEXTGCN, _BERTGCN, _WIDE = "1809.05679", "2105.05727", "2109.03777"

PUBLISHED = (
    Published("R8, all labels", "TextGCN", 97.1, "transductive", _TEXTGCN, "r8-all"),
    Published("R8, all labels", "SGC", 97.2, "transductive", "1902.07153", "r8-all"),
    Published("R8, all labels", "WideMLP", 97.3, "inductive", _WIDE, "r8-all"),
    Published("R8, all labels", "BERT-base", 97.8, "inductive", _BERTGCN, "r8-all"),
    Published("R8, all labels", "BertGCN", 98.1, "transductive", _BERTGCN, "r8-all", on_test=True),
    Published("R8, all labels", "RoBERTaGCN", 98.2, "transductive", _BERTGCN, "r8-all", on_test=True),
    Published("MR, all labels", "TextGCN", 76.7, "transductive", _TEXTGCN, "mr"),
    Published("MR, all labels", "WideMLP", 76.7, "inductive", _WIDE, "mr"),
    Published("MR, all labels", "BERT-base", 85.7, "inductive", _BERTGCN, "mr"),
    Published("MR, all labels", "RoBERTaGCN", 89.7, "transductive", _BERTGCN, "mr", on_test=True),
    Published(
        "BANKING77, 5 a class",
        "RoBERTa-base, intent pre-training",
        80.9,
        "inductive",
        "2109.06349",
        "banking77-few5",
    ),
    Published(
        "BANKING77, 10 a class",
        "RoBERTa-base, intent pre-training",
        87.2,
        "inductive",
        "2109.06349",
        "banking77-few10",
    ),
    Published("CR, 8 a class", "SetFit, MiniLM-L6", 71.6, "inductive", "2209.11055"),
    Published("AG News, 8 a class", "SetFit, MiniLM-L6", 83.1, "inductive", "2209.11055", spread=2.3),
)
