"""Frozen dataclasses as TOML and back; every mistake of a file is reported at once.

A field typed by a concrete dataclass is a table. A field typed by a protocol is a table whose ``kind``
names the class: one of a given list by its name, or ``package.module:Class``; the kind alone may stand for a
table of defaults. A field typed ``type[Protocol]`` is the kind alone. ``None`` is left out where it is the
default, and written ``"none"`` elsewhere. A field that is not written takes its default.
"""

import importlib
import tomllib
import types
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import tomli_w

from graphtune.errors import GraphtuneError, PlanError

T = TypeVar("T")
Kinds = Mapping[type, tuple[type, ...]]

_NONE = "none"
_WRONG: Any = object()  # what a value with a mistake is read as
_SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}


def to_toml(value: Any) -> str:
    """Return a dataclass as TOML, every field written out.

    Raises:
        PlanError: the text "none" stands where it would be read as no value.
    """
    return tomli_w.dumps(_table(value, ""))


def from_toml(cls: type[T], text: str, *, kinds: Kinds) -> T:
    """Build ``cls`` from TOML.

    Args:
        cls: a dataclass whose fields are scalars, literals, tuples, dataclasses, protocols or unions.
        text: the TOML.
        kinds: for each protocol, the classes that a kind without a module can name.

    Raises:
        PlanError: the text is no TOML, or does not describe a ``cls``; all mistakes are listed, each with its
            path and the nearest valid name.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"The plan is not TOML: {error}.", fix="mend that line.") from error
    reader = _Reader(kinds)
    value = reader.table(raw, cls, "")
    if reader.mistakes:
        many = len(reader.mistakes)
        found = "\n".join(f"  {path or 'the plan'}: {text}" for path, text in reader.mistakes)
        raise PlanError(
            f"The plan has {'a mistake' if many == 1 else f'{many} mistakes'}:\n{found}",
            fix="mend what is named above; a key that is left out takes its default.",
        )
    return value


def _table(value: Any, path: str) -> dict[str, Any]:
    hints = get_type_hints(type(value))
    table: dict[str, Any] = {}
    for field in fields(value):
        inner = getattr(value, field.name)
        if field.init and not (inner is None and field.default is None):
            table[field.name] = _plain(inner, hints[field.name], _join(path, field.name))
    return table


def _plain(value: Any, hint: Any, path: str) -> Any:
    if value is None:
        return _NONE
    optional = types.NoneType in get_args(hint)
    if value == _NONE and isinstance(value, str) and optional:
        raise PlanError(f"{path} is the text 'none', which TOML would read as no value.", fix="rename it.")
    if isinstance(value, type):
        return _kind(value)
    if is_dataclass(value):
        # A concrete type says by itself what the table is; a protocol does not.
        concrete = any(arm is type(value) for arm in _arms(hint))
        return _table(value, path) if concrete else {"kind": _kind(type(value)), **_table(value, path)}
    if isinstance(value, tuple):
        return [_plain(v, h, f"{path}[{i}]") for i, (v, h) in enumerate(_items(value, hint))]
    if isinstance(value, Path):
        return str(value)
    return float(value) if hint is float else value


def _items(value: tuple[Any, ...], hint: Any) -> Iterable[tuple[Any, Any]]:
    of = next((get_args(arm) for arm in _arms(hint) if get_origin(arm) is tuple), (Any, ...))
    return zip(value, of[:1] * len(value) if of[1:] == (...,) else of, strict=True)


def _kind(cls: type) -> str:
    ours = cls.__module__.partition(".")[0] == "graphtune"
    return cls.__name__ if ours else f"{cls.__module__}:{cls.__qualname__}"


def _arms(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _nearest(name: str, valid: Iterable[str]) -> str:
    by_lower = {v.lower(): v for v in valid}
    close = get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]!r}?" if close else f"valid are {', '.join(sorted(valid))}."


class _Reader:
    """Turns parsed TOML into values and gathers what is wrong with it."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.mistakes: list[tuple[str, str]] = []

    def value(self, raw: Any, hint: Any, path: str) -> Any:
        origin = get_origin(hint)
        if hint in self.kinds:
            return self._of_kind(raw, hint, path)
        if origin in (Union, types.UnionType):
            return self._union(raw, hint, path)
        if origin is Literal:
            fits = [v for v in get_args(hint) if v == raw and type(v) is type(raw)]
            return fits[0] if fits else self._unfit(raw, hint, path)
        if origin is tuple:
            return self._tuple(raw, hint, path)
        if origin is type:
            return self._class(raw, get_args(hint)[0], path)
        if isinstance(hint, type) and is_dataclass(hint):
            return self.table(raw, hint, path) if isinstance(raw, dict) else self._unfit(raw, hint, path)
        return self._scalar(raw, hint, path)

    def table(self, raw: dict[str, Any], cls: Any, path: str) -> Any:
        hints = get_type_hints(cls)
        known = {field.name: field for field in fields(cls) if field.init}
        before = len(self.mistakes)
        for key in raw.keys() - known.keys():
            self._mistake(_join(path, key), f"there is no such key; {_nearest(key, known)}")
        values = {n: self.value(raw[n], hints[n], _join(path, n)) for n in known if n in raw}
        for name, field in known.items():
            if name not in raw and _required(field):
                self._mistake(_join(path, name), f"is missing; it takes {self._takes(hints[name])}.")
        return _WRONG if len(self.mistakes) > before else self._made(cls, values, path)

    def _made(self, cls: Any, values: dict[str, Any], path: str) -> Any:
        try:
            return cls(**values)
        except GraphtuneError as error:
            return self._mistake(path, f"{error.problem} {error.fix}")
        except (TypeError, ValueError) as error:
            return self._mistake(path, str(error))

    def _of_kind(self, raw: Any, protocol: type, path: str) -> Any:
        raw = {"kind": raw} if isinstance(raw, str) else raw
        if not isinstance(raw, dict):
            return self._unfit(raw, protocol, path)
        where = _join(path, "kind")
        if "kind" not in raw:
            return self._mistake(where, f"is missing; it takes {self._takes(protocol)}.")
        cls = self._class(raw["kind"], protocol, where)
        if cls is _WRONG:
            return _WRONG
        if not is_dataclass(cls):
            return self._mistake(where, f"{raw['kind']!r} is not a dataclass.")
        made = self.table({k: v for k, v in raw.items() if k != "kind"}, cls, path)
        checkable = getattr(protocol, "_is_runtime_protocol", False)
        if made is not _WRONG and checkable and not isinstance(made, protocol):
            return self._mistake(where, f"{raw['kind']!r} is no {protocol.__name__}.")
        return made

    def _class(self, raw: Any, protocol: type, path: str) -> Any:
        if not isinstance(raw, str):
            return self._unfit(raw, protocol, path)
        if ":" in raw:
            return self._imported(raw, path)
        named = {cls.__name__: cls for cls in self.kinds[protocol]}
        if raw in named:
            return named[raw]
        return self._mistake(path, f"{raw!r} is no {protocol.__name__}; {_nearest(raw, named)}")

    def _imported(self, name: str, path: str) -> Any:
        module, _, cls = name.partition(":")
        try:
            found = importlib.import_module(module)
        except Exception as error:  # whatever a stranger's module does while it is imported
            return self._mistake(path, f"{module!r} cannot be imported: {error}.")
        classes = [n for n, v in vars(found).items() if isinstance(v, type)]
        if cls in classes:
            return getattr(found, cls)
        return self._mistake(path, f"{module!r} has no class {cls!r}; {_nearest(cls, classes)}")

    def _union(self, raw: Any, hint: Any, path: str) -> Any:
        arms = [arm for arm in get_args(hint) if arm is not types.NoneType]
        if raw == _NONE and len(arms) < len(get_args(hint)):
            return None
        deeper: list[tuple[str, str]] = []
        for arm in arms:
            trial = _Reader(self.kinds)
            value = trial.value(raw, arm, path)
            if not trial.mistakes:
                return value
            if all(where != path for where, _ in trial.mistakes):
                deeper = deeper or trial.mistakes
        if not deeper:
            return self._unfit(raw, hint, path)
        self.mistakes += deeper
        return _WRONG

    def _tuple(self, raw: Any, hint: Any, path: str) -> Any:
        of = get_args(hint)
        many = of[1:] == (...,)
        if not isinstance(raw, list) or not (many or len(raw) == len(of)):
            return self._unfit(raw, hint, path)
        hints = of[:1] * len(raw) if many else of
        values = [self.value(r, h, f"{path}[{i}]") for i, (r, h) in enumerate(zip(raw, hints, strict=True))]
        return _WRONG if any(value is _WRONG for value in values) else tuple(values)

    def _scalar(self, raw: Any, hint: Any, path: str) -> Any:
        if hint not in _SCALARS:
            raise TypeError(f"{path}: a plan cannot hold a field of type {hint}")
        if type(raw) is hint:
            return raw
        if hint is float and type(raw) is int:
            return float(raw)
        if hint is Path and isinstance(raw, str):
            return Path(raw)
        return self._unfit(raw, hint, path)

    def _unfit(self, raw: Any, hint: Any, path: str) -> Any:
        near = ""
        if isinstance(raw, str):
            texts = [v for arm in _arms(hint) if get_origin(arm) is Literal for v in get_args(arm)]
            close = get_close_matches(raw, [v for v in texts if isinstance(v, str)], n=1)
            near = f" (did you mean {close[0]!r}?)" if close else ""
        return self._mistake(path, f"{raw!r} does not fit{near}; it takes {self._takes(hint)}.")

    def _takes(self, hint: Any) -> str:
        """Say in words what a field accepts."""
        origin, of = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            arms = [arm for arm in of if arm is not types.NoneType]
            none = [f'"{_NONE}"'] if len(arms) < len(of) else []
            return " or ".join([*map(self._takes, arms), *none])
        if origin is Literal:
            return " or ".join(repr(v) for v in of)
        if origin is tuple:
            each = of[:1] if of[1:] == (...,) else of
            size = "a list" if each is not of else f"a list of {len(of)}"
            return f"{size}, each {' then '.join(map(self._takes, each))}"
        if hint in self.kinds or origin is type:
            names = ", ".join(sorted(cls.__name__ for cls in self.kinds[of[0] if origin is type else hint]))
            return f"a kind ({names}, or package.module:Class)"
        return _SCALARS.get(hint, "a table")

    def _mistake(self, path: str, text: str) -> Any:
        self.mistakes.append((path, text))
        return _WRONG


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
