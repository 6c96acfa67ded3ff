"""``graphtune doctor``: is everything here that graphtune needs?"""

import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from graphtune import __version__
from graphtune.errors import EncoderError, GraphtuneError

_LEAST_MEMORY = 2.0  # GiB
_NOT_FOR_USERS = {"dev"}


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``fix`` says what to do where something is wrong."""

    what: str
    seen: str
    fix: str | None = None


def doctor() -> int:
    """Look at versions, processor, memory, cache and weights; say what to mend."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    findings = list(examined())
    for finding in findings:
        mark = Text("well", style="green") if finding.fix is None else Text("mend", style="bold red")
        table.add_row(mark, Text(finding.what), Text(finding.seen, overflow="fold"))
    console.print(table)
    wrong = [finding for finding in findings if finding.fix is not None]
    if not wrong:
        console.print(Text("all well", style="bold green"))
        return 0
    for finding in wrong:
        console.print(
            Text(f"mend {finding.what}: ", style="bold red").append(str(finding.fix), style="default")
        )
    return 2


def examined() -> Iterator[Finding]:
    """Look at everything, one thing after the other; what fails does not keep the others from being seen."""
    yield Finding("graphtune", f"{__version__}, Python {platform.python_version()} on {platform.platform()}")
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("packages", _packages),
        ("processor", _processor),
        ("memory", _memory),
        ("cache", _cache),
        ("default encoder", _weights),
        ("places", _places),
    )
    for what, check in checks:
        try:
            yield from check()
        except GraphtuneError as error:
            yield Finding(what, error.problem, error.fix)
        except Exception as error:  # a broken installation fails in every way there is
            reason = f"{type(error).__name__}: {error}"
            yield Finding(what, reason, "install graphtune anew: pip install --force-reinstall graphtune.")


def _packages() -> Iterator[Finding]:
    from importlib import metadata

    from packaging.requirements import Requirement

    about = metadata.metadata("graphtune")
    needed = [Requirement(line) for line in about.get_all("Requires-Dist") or ()]
    core = [_package(one) for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    yield Finding("packages", ", ".join(one.seen for one in core if one.fix is None))
    yield from (one for one in core if one.fix is not None)
    for extra in about.get_all("Provides-Extra") or ():
        if extra in _NOT_FOR_USERS:
            continue
        own = [one for one in needed if one.marker is not None and one.marker.evaluate({"extra": extra})]
        own = [one for one in own if not one.marker.evaluate({"extra": ""})]  # type: ignore[union-attr]
        lacking = [one for one in map(_package, own) if one.fix is not None]
        seen = f"not installed; to add it: pip install 'graphtune[{extra}]'" if lacking else "installed"
        yield Finding(f"extra {extra}", seen)


def _package(requirement: "object") -> Finding:
    from importlib import metadata

    from packaging.requirements import Requirement

    assert isinstance(requirement, Requirement)
    fix = f"pip install '{requirement.name}{requirement.specifier}'"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(requirement.name, "not installed", fix)
    fits = requirement.specifier.contains(version, prereleases=True)
    return Finding(requirement.name, f"{requirement.name} {version}", None if fits else fix)


def _processor() -> Iterator[Finding]:
    import torch

    from graphtune.encoder.precision import chosen_device, chosen_format

    device = chosen_device("auto")
    number_format = str(chosen_format("auto", device)).removeprefix("torch.")
    features = torch.backends.cpu.get_cpu_capability()
    seen = f"{platform.machine()}, {features}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    yield Finding("processor", seen)
    yield Finding("encoding", f"on {device.type} in {number_format}")


def _memory() -> Iterator[Finding]:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        yield Finding("memory", "not known on this system")
        return
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    fix = f"{_LEAST_MEMORY:.0f} GiB are needed for a table of ten thousand texts; close other programs."
    yield Finding("memory", f"{total:.1f} GiB", fix if total < _LEAST_MEMORY else None)


def _cache() -> Iterator[Finding]:
    from graphtune.artefact import written
    from graphtune.cli.cache import size_shown
    from graphtune.encoder import Cache

    cache = Cache.of_user()
    held = cache.held()
    probe = cache.root / "doctor.txt"
    try:
        with written(probe) as partial:
            partial.write_text("graphtune doctor was here\n", encoding="utf-8")
        probe.unlink(missing_ok=True)
    except GraphtuneError as error:
        fix = f"set GRAPHTUNE_CACHE to a writable folder. {error.fix}"
        yield Finding("cache", error.problem, fix)
        return
    rows, size = sum(one.entries for one in held), sum(one.size for one in held)
    yield Finding("cache", f"{cache.root}, {size_shown(size)}, {rows:,} rows")


def _weights() -> Iterator[Finding]:
    from graphtune.encoder import Transformer
    from graphtune.encoder.directory import packaged_minilm

    directory = packaged_minilm()
    start = time.monotonic()
    row = Transformer().encode(["graphtune doctor"])
    if abs(float(row.norm()) - 1) > 1e-3:
        raise EncoderError(
            f"The default encoder in {directory} computes rows of norm {float(row.norm()):.3f}.",
            fix="set encoder.precision = 'float32', and please report this.",
        )
    yield Finding("default encoder", f"verified, {directory}; first text in {time.monotonic() - start:.1f} s")


def _places() -> Iterator[Finding]:
    for name, what in (("GRAPHTUNE_ENCODERS", "encoders to test with"), ("GRAPHTUNE_DATA", "benchmark data")):
        given = os.environ.get(name)
        if given is None:
            yield Finding(name, f"not set ({what}; only tests and benchmarks need it)")
        elif Path(given).expanduser().is_dir():
            yield Finding(name, f"{given} ({what})")
        else:
            yield Finding(name, f"{given} is no directory", f"unset {name}, or set it to the {what}.")
