"""The command line that benchmarks share: measure and write the results, or only try the script."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
# Options of smoke runs, by their names and their help.
ROWS = {"rows": "on so many rows"}
NODES = {"nodes": "on a smaller graph"}
TURNS = {"turns": "of so many turns"}


def main(
    about: str | None,
    run: Callable[..., None],
    tried: Callable[..., str] | None = None,
    *,
    sizes: Mapping[str, str] | None = None,
    named: str = "",
    names: Sequence[str] = (),
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a benchmark; with an option of ``sizes``, by their help, print what is ``tried`` instead.

    ``tried`` is given the sizes in their order, None where they were not set; where there are ``names``,
    after one of them, once for each that is asked for.
    """
    sizes = sizes or {}
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    if names:
        add_names(parser, named, names)
    for size, of in sizes.items():
        parser.add_argument(f"--{size}", type=int, help=f"smoke run {of}; nothing is written")
    given = vars(parser.parse_args(arguments))
    chosen = [(name,) for name in given[named] or names] if names else [()]
    asked = [given[size] for size in sizes]
    if all(size is None for size in asked):
        run(RESULTS, *([tuple(name for (name,) in chosen)] if names else []))
    else:
        assert tried is not None
        for name in chosen:
            print(tried(*name, *asked))
    return 0


def add_names(parser: argparse.ArgumentParser, named: str, names: Sequence[str]) -> None:
    """Let any number of ``names`` be given; none stands for all."""

    def known(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f"invalid choice: {name!r} (choose from {', '.join(names)})")
        return name

    # Not by choices: before Python 3.12 argparse looks for the empty list among them where no name is given.
    parser.add_argument(
        named, nargs="*", type=known, metavar=named.upper(), help=f"none = {', '.join(names)}"
    )
