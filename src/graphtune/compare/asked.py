"""Which methods a user asks for."""

import tomllib
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from graphtune.compare.families import Offer, families, usual_methods
from graphtune.compare.method import Method, Outside
from graphtune.errors import PlanError
from graphtune.plan import Plan

_FORM = 'write [[method]] tables with a name and either plan = "FILE.toml" or command = ["PROGRAM", ...].'


def methods(asked: Sequence[str], offer: Offer) -> tuple[Method, ...]:
    """Return the methods of ``asked``, each once, in the order they are named.

    A part is the name of a method, ``family:NAME``, ``default``, ``all``, or a TOML file: of methods, or a
    plan, whose method is named after the file.

    Raises:
        PlanError: an unknown name, with the nearest ones; a file that cannot be read; two of one name.
    """
    every = families(offer)
    single = {method.name: method for members in every.values() for method in members}
    found: list[Method] = []
    for part in (one.strip() for one in asked if one.strip()):
        if part.endswith(".toml"):
            found += _from_file(Path(part))
        elif part == "default":
            found += usual_methods(offer)
        elif part == "all":
            found += single.values()
        elif part.startswith("family:"):
            family = part.removeprefix("family:")
            if family not in every:
                raise _unknown("family", family, every)
            found += every[family]
        elif part in single:
            found.append(single[part])
        else:
            raise _unknown("method", part, [*single, "default", "all"])
    unique = tuple(dict.fromkeys(found))
    if not unique:
        raise PlanError("No method is named.", fix="name some, or leave --methods out for the usual ones.")
    _check_names(unique)
    return unique


def _check_names(found: Sequence[Method]) -> None:
    seen: set[str] = set()
    twice = sorted({one.name for one in found if one.name in seen or seen.add(one.name)})
    if twice:
        raise PlanError(
            f"Different methods are called {', '.join(twice)}.", fix="give each a name of its own."
        )


def _unknown(what: str, name: str, valid: Iterable[str]) -> PlanError:
    names = sorted(valid)
    close = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    said = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}."
    return PlanError(f"There is no {what} {name!r}.", fix=said)


def _from_file(path: Path) -> list[Method]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlanError(f"{path} cannot be read: {error}.", fix="name a TOML file.") from error
    if "method" not in raw:
        return [Method(path.stem, "plan", Plan.read(path))]
    if set(raw) != {"method"} or not isinstance(raw["method"], list):
        raise PlanError(f"{path} holds more than [[method]] tables.", fix=_FORM)
    return [_method(entry, path, number) for number, entry in enumerate(raw["method"], 1)]


def _method(entry: Any, path: Path, number: int) -> Method:
    where = f"{path}, method {number}"
    known = {"name", "family", "plan", "command"}
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not set(entry) <= known:
        raise PlanError(f"{where} has other parts than a name, a family, a plan or a command.", fix=_FORM)
    if ("plan" in entry) == ("command" in entry):
        raise PlanError(f"{where} ({entry['name']}) needs a plan or a command, and one of them.", fix=_FORM)
    family = str(entry.get("family", "own"))
    if "plan" in entry:
        if not isinstance(entry["plan"], str):
            raise PlanError(f"{where} ({entry['name']}): plan is no file name.", fix=_FORM)
        return Method(entry["name"], family, Plan.read(path.parent / entry["plan"]))
    command = entry["command"]
    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        raise PlanError(f"{where} ({entry['name']}): command is no list of words.", fix=_FORM)
    folder = path.parent.absolute()
    # Looked for beside the file, as its scripts are, unless it is a program of the system.
    program = folder / command[0]
    if "/" in command[0] and not program.is_file():
        raise PlanError(
            f"{where} ({entry['name']}): {command[0]} is not there.",
            fix="install what it needs, or leave this method out.",
        )
    first = str(program) if program.is_file() else command[0]
    return Method(entry["name"], family, Outside((first, *command[1:]), folder))
