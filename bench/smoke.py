"""The command line that speed benchmarks share: measure and write the results, or only try the script."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def main(
    about: str | None,
    run: Callable[..., None],
    tried: Callable[..., str],
    *,
    size: str,
    of: str,
    named: str = "",
    names: Sequence[str] = (),
) -> int:
    """Run a benchmark; with ``--SIZE`` (help: ``of``) or ``--turns`` print what is ``tried`` instead.

    ``tried`` is given the size and the turns, None where they were not; where there are ``names``, after one
    of them, once for each that is asked for.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    if names:
        add_names(parser, named, names)
    parser.add_argument(f"--{size}", type=int, help=f"smoke run {of}; nothing is written")
    parser.add_argument("--turns", type=int, help="smoke run of so many turns; nothing is written")
    given = vars(parser.parse_args())
    chosen = [(name,) for name in given[named] or names] if names else [()]
    if given[size] is None and given["turns"] is None:
        run(RESULTS, *([tuple(name for (name,) in chosen)] if names else []))
    else:
        for name in chosen:
            print(tried(*name, given[size], given["turns"]))
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
