"""``graphtune cache``: what has been encoded already, and how to be rid of it."""

import difflib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphtune.encoder.cache import Held


def cache(
    encoder: Annotated[
        str | None,
        typer.Argument(metavar="[ENCODER]", help="Only this encoder: its name, or how its digest begins."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove what is shown.")] = False,
) -> None:
    """Show the encoded texts kept on disk, or remove them.

    Clearing costs time only: the texts are encoded again when they are next needed.
    """
    from rich.console import Console
    from rich.text import Text

    from graphtune.encoder import Cache

    store = Cache.of_user()
    held = _matching(store.held(), encoder)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("cache ", style="bold").append(str(store.root), style="default"))
    if not held:
        console.print("empty")
        return
    _print_held(console, held)
    if not clear:
        return
    asked = sys.stdin.isatty() and sys.stdout.isatty()
    if asked and not typer.confirm(f"Remove {size_shown(sum(one.size for one in held))}?"):
        return
    console.print(f"removed {size_shown(store.clear(held))}")


def _matching(held: "Sequence[Held]", encoder: str | None) -> "list[Held]":
    from graphtune.errors import EncoderError

    if encoder is None:
        return list(held)
    found = [one for one in held if encoder == one.name or one.fingerprint.startswith(encoder)]
    if found or not held:
        return found
    names = sorted({one.name for one in held})
    near = difflib.get_close_matches(encoder, names, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"the cache has {', '.join(names)}."
    raise EncoderError(f"Nothing of the encoder '{encoder}' is cached.", fix=hint)


def _print_held(console: "object", held: "Sequence[Held]") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for title in ("encoder", "digest", "computed in"):
        table.add_column(title, overflow="fold")
    for title in ("rows", "size"):
        table.add_column(title, justify="right")
    for one in held:
        row = (
            Text(one.name),
            one.fingerprint[:12],
            one.number_format,
            f"{one.entries:,}",
            size_shown(one.size),
        )
        table.add_row(*row)
    table.add_section()
    table.add_row("all", "", "", f"{sum(h.entries for h in held):,}", size_shown(sum(h.size for h in held)))
    console.print(table)  # type: ignore[attr-defined]


def size_shown(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 3)
    return f"{size / 1024**power:.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"
