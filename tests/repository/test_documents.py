"""Documents come in English and Chinese, with the same parts, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENGLISH = sorted(
    path
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").glob("*.md"),
    )
    if path.exists() and not path.name.endswith(".zh-CN.md")
)
CHINESE = sorted(path for top in ("", "docs", "examples") for path in (ROOT / top).glob("*.zh-CN.md"))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """Return a document without its blocks of code, where a hash starts a comment."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def headings(path: Path) -> list[int]:
    return [len(level) for level in re.findall(r"^(#+) ", prose(path), flags=re.MULTILINE)]


@pytest.mark.parametrize("document", ENGLISH, ids=relative)
def test_chinese_twin_has_the_same_headings(document: Path):
    twin = document.with_suffix(".zh-CN.md")
    assert twin.exists(), f"{relative(twin)} is missing"
    assert headings(document)
    assert headings(twin) == headings(document)
    assert re.search("[\u4e00-\u9fff]", twin.read_text(encoding="utf-8"))


def test_no_chinese_document_is_alone():
    originals = {path.with_name(path.name.replace(".zh-CN.md", ".md")) for path in CHINESE}
    assert sorted(originals) == ENGLISH


@pytest.mark.parametrize("document", [*ENGLISH, *CHINESE], ids=relative)
def test_links_lead_to_files_that_are_there(document: Path):
    targets = re.findall(r"\]\(([^)#\s]+)", prose(document))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (document.parent / target).exists()] == []
