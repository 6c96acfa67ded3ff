"""The command's entry point, and the only place where errors end.

A subcommand is a function in a file of its own, registered below. It imports what it needs inside itself:
``graphtune --help`` must not wait for torch.
"""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from graphtune import __version__
from graphtune.cli.analyze import analyze
from graphtune.cli.cache import cache
from graphtune.cli.check import check
from graphtune.cli.compare import compare
from graphtune.cli.compress import compress
from graphtune.cli.demo import demo
from graphtune.cli.doctor import doctor
from graphtune.cli.evaluate import evaluate
from graphtune.cli.fit import fit
from graphtune.cli.predict import predict
from graphtune.cli.pretrain import pretrain
from graphtune.cli.search import search
from graphtune.errors import GraphtuneError
from graphtune.progress import shown

OK, BUG, USER, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

# Typer has carried its own copy of click since 0.26; this is the usage error of whichever it uses.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="graphtune",
    help="Fine-tune text models with graph neural networks: few labels, little compute, offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"graphtune {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _graphtune(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    pass


app.command()(analyze)
app.command()(cache)
app.command()(check)
app.command()(compare)
app.command()(compress)
app.command()(demo)
app.command()(doctor)
app.command()(evaluate)
app.command()(fit)
app.command()(predict)
app.command()(pretrain)
app.command()(search)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, 2 (the user's input), 1 (our bug) or 130 (interrupted).

    ``arguments`` are those after the program's name; None takes them from ``sys.argv``.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal may lack the letters of the user's texts; that is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    try:
        with shown():
            status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        return PIPE_CLOSED
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    except GraphtuneError as error:
        _print_error(error)
        return USER
    except Exception:
        traceback.print_exc()
        print(_BUG, file=sys.stderr)
        return BUG
    if status == INTERRUPTED:
        print(
            "interrupted; no file was left half-written. Run it again "
            "(fit, pretrain: with --resume) to go on.",
            file=sys.stderr,
        )
    return status


_BUG = (
    "This is a bug in graphtune, not in your input. "
    "Please report it, with the lines above and the command you ran."
)


def _run(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = app(given, prog_name="graphtune", standalone_mode=False)
    except _UsageError as error:
        error.show()  # type: ignore[attr-defined]
        return USER
    except SystemExit as exit_:  # a pipe that closed inside click ends this way
        return exit_.code if isinstance(exit_.code, int) else PIPE_CLOSED
    return result if isinstance(result, int) else OK


def _print_error(error: GraphtuneError) -> None:
    # Imported here: rich costs a third of the time `--help` may take.
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text("error: ", style="bold red").append(error.problem, style="not bold default"))
    console.print(Text("fix: ", style="bold green").append(error.fix, style="not bold default"))


def _discard_stdout() -> None:
    # The interpreter flushes stdout once more on its way out and would complain again.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
