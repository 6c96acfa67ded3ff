"""One way to get a classifier: a plan of ours, or somebody else's program."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from graphtune.encoder import BlockEncoder, Transformer, upper_blocks
from graphtune.errors import PlanError
from graphtune.plan import Plan
from graphtune.select import TextGCN, Window
from graphtune.select.features import OF_BLOCKS, OF_MEANING
from graphtune.select.graphs import views_read
from graphtune.select.side import BesideEncoder, blocks_of

_LONGEST = 80
_NAME = re.compile(rf"\w[\w .,+=()-]{{0,{_LONGEST - 1}}}")


@dataclass(frozen=True)
class Outside:
    """A program that reads the folder of a task, writes its predictions into another, and ends.

    Both folders are described in ``bench/peers/README.md``; labels of test rows are in neither.
    """

    command: tuple[str, ...]  # the two folders are appended
    folder: Path  # where the command is run

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the command, the files it names, the code beside them, and installed versions."""
        digest = hashlib.sha256("\0".join(self.command).encode())
        program, *others = (self.folder / part for part in self.command)
        named = [file for file in (program, *others) if file.is_file()]
        beside = {code for file in named for code in file.parent.glob("*.py")}
        for file in sorted({*named, *beside}):
            digest.update(file.read_bytes())
        # The interpreter of an environment stands for what is installed there.
        for installed in sorted(program.parent.parent.glob("lib/python*/site-packages/*.dist-info")):
            digest.update(installed.name.encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Method:
    """A name, the family it is listed under, and what is run.

    Raises:
        PlanError: the name or the family cannot be a file's, or would break a table.
    """

    name: str
    family: str
    how: Plan | Outside

    def __post_init__(self) -> None:
        for said in (self.name, self.family):
            if not _NAME.fullmatch(said):
                raise PlanError(
                    f"{said!r} cannot be the name of a method or a family.",
                    fix=f"use up to {_LONGEST} letters, figures, spaces and any of - _ . , + = ( ).",
                )

    @property
    def rank(self) -> int:
        """How long it is likely to take among others: the less, the shorter."""
        if isinstance(self.how, Outside):
            return 5
        if self.how.exactly:
            costly = any(
                one.family == "network"
                or getattr(one, "of_transformers", False)
                or isinstance(one, TextGCN | Window)
                for one in self.how.candidates
            )
            return int(costly)
        if self.how.tune:
            return 4
        return 2 if self.how.up_to == "graph-free" else 3

    @property
    def reads_meaning(self) -> bool:
        """Whether it reads what the encoder makes of texts, or may."""
        if isinstance(self.how, Outside) or not self.how.exactly:
            return True
        return any(one.graphs or one.reads & OF_MEANING for one in self.how.candidates)

    def blocks(self, encoder: BlockEncoder) -> tuple[int, ...]:
        """Return the blocks of the encoder whose rows it reads beside the last."""
        if isinstance(self.how, Outside):
            return ()
        searched = not self.how.candidates
        named = OF_BLOCKS & views_read(self.how.candidates, self.how.graphs)
        upper = upper_blocks(encoder) if searched or named else ()
        if not isinstance(encoder, Transformer):
            return upper
        reading = (one for one in self.how.candidates if isinstance(one, BesideEncoder))
        return (*upper, *(block for one in reading for block in blocks_of(encoder, one.blocks)))

    @property
    def said(self) -> str:
        """Say how it works, in one line."""
        if isinstance(self.how, Outside):
            return " ".join(self.how.command)
        if not self.how.candidates:
            kinds = {"graph-free": "without a graph", "graph": "without networks", "network": "of every kind"}
            then = ", then a tuned encoder" if self.how.tune else ""
            return f"the best of all candidates {kinds[self.how.up_to]}{then}, chosen on held-out rows"
        names = [str(candidate) for candidate in self.how.candidates]
        return names[0] if len(names) == 1 else f"the best of {', '.join(names)} on held-out rows"
