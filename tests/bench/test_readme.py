"""What the READMEs tell people to type exists."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer

import graphtune
from graphtune.cli.app import app

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(path: Path, *languages: str) -> list[str]:
    found = BLOCK.findall(path.read_text(encoding="utf-8"))
    return [text for language, text in found if language in languages]


def command_lines(path: Path) -> list[list[str]]:
    text = "\n".join(blocks(path, "", "sh")).replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines()]
    inline = re.findall(r"`(graphtune [^`\n]+)`", BLOCK.sub("", path.read_text(encoding="utf-8")))
    parts = [part.strip() for line in [*lines, *inline] for part in line.split("|")]
    wanted = [part.removeprefix(".venv/bin/") for part in parts]
    return [shlex.split(part, comments=True) for part in wanted if part.startswith("graphtune ")]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_commands_and_options_exist(path):
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    used = command_lines(path)
    assert {"fit", "predict", "evaluate", "check", "demo"} <= {words[1] for words in used}
    for words in used:
        assert words[1] in commands
        parameters = commands[words[1]].params
        known = {"--help"}.union(*({*one.opts, *one.secondary_opts} for one in parameters))
        assert {word for word in words[2:] if word.startswith("-") and word != "-"} <= known, words


def test_every_option_of_fit_is_told():
    fit = typer.main.get_command(app).commands["fit"]  # type: ignore[attr-defined]
    options = {name for one in fit.params for name in one.opts if name.startswith("--")}
    for path in READMES:
        text = path.read_text(encoding="utf-8")
        assert {name for name in options if name not in text} == set()


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_python_is_python_and_its_names_exist(path):
    examples = blocks(path, "python")
    assert examples
    source = (ROOT / "src/graphtune/run/classifier.py").read_text(encoding="utf-8")
    methods = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    for example in examples:
        for node in ast.walk(ast.parse(example)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "model"
            ):
                assert node.attr in methods | {"classes_"}
            if isinstance(node, ast.ImportFrom) and node.module == "graphtune":
                assert {one.name for one in node.names} <= set(graphtune.__all__)


def test_both_languages_show_the_same_code():
    def typed(path: Path) -> list[list[str]]:
        return [words for words in command_lines(path) if words[1] != "demo"]

    assert typed(READMES[0]) == typed(READMES[1])
    assert blocks(READMES[0], "python") == blocks(READMES[1], "python")
