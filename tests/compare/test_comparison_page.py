"""The report in a browser: it draws its plots, writes nothing to the console and asks nobody for anything."""

import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from small import FREE, MAJORITY, WHOLE, WORDS
from test_judge import BY, JUDGE

from graphtune.compare.console import console
from graphtune.compare.files import columns, markdown
from graphtune.compare.page import html
from graphtune.compare.result import Comparison, Homophily
from graphtune.compare.verdict import verdict

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def comparison() -> Comparison:
    rows, best = [], {}
    for name, count in (("5", 5), ("all", None)):
        own = [JUDGE.row(method, count, BY[method.name], "") for method in (MAJORITY, WORDS, WHOLE, FREE)]
        told, best[name] = JUDGE.compared(own, BY)
        rows.append(told)
    gains = tuple(JUDGE.gain(count, BY) for count in (5, None))
    labelled = {"5": 15, "all": 160}
    return Comparison(
        protocol="inductive",
        encoder="<b>minilm</b>",
        rows={"train": 160, "val": 0, "test": 600},
        classes=3,
        counts=(5, None),
        labelled=labelled,
        seeds=(0, 1, 2),
        limit_seconds=60.0,
        threads=2,
        encode_seconds=3.0,
        encoded=760,
        table=tuple(row for own in rows for row in own),
        best_baseline=best,
        gains=gains,
        homophily=(Homophily(5, "meaning", 900, 0.8, 0.3), Homophily(None, "meaning", 900, None, None)),
        verdict=verdict(rows, gains, list(best.values()), labelled),
        notes=("a note",),
        missing="",
        versions={"python": "3.11"},
        hardware={"cores": 2, "processor": "x86_64", "features": ["avx2"], "memory_gib": None},
    )


def test_what_users_name_is_escaped_and_every_method_is_there():
    page = html(comparison())
    assert "&lt;b&gt;minilm" in page
    assert "<b>minilm" not in page
    assert page.count("<svg") == 5  # two a label count, and the curves over them
    for method in (MAJORITY, WORDS, WHOLE, FREE):
        assert page.count(f">{method.name}<") >= 2


def test_what_networks_took_is_told_where_one_says_so():
    quiet = comparison()
    assert "to the best validation" not in html(quiet) + markdown(quiet)
    first = replace(quiet.table[0], best_epochs=12.5, best_seconds=0.8)
    loud = replace(quiet, table=(first, *quiet.table[1:]))
    for report in (html(loud), markdown(loud)):
        assert report.count("to the best validation") == 2  # label counts
        assert report.count("12.5 epochs, 0.80 s") == 1
    for width, told in ((145, False), (146, True)):
        terminal = Console(file=io.StringIO(), width=width)
        console(loud, terminal)
        assert ("12.5 epochs, 0.80 s" in terminal.file.getvalue()) == told
    cells = columns(loud)
    assert [cells["best_epochs"].count(value) for value in (12.5, "")] == [1, 7]


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_draws_it_without_a_word_and_without_a_request(tmp_path):
    page = html(comparison())
    document, said, asked = opened(tmp_path / "report.html", page)
    assert document.count("<svg") == 5
    assert document.count("<circle") == 4 * 2 * 2 + 4 * 2
    assert (said, asked) == ("", [])
    assert "google" not in page
    # The same look at a page that is not so quiet, to see that it sees.
    loud = "<script>console.log('words')</script><img src='http://127.0.0.1:9/picture.png'>"
    _, said, asked = opened(tmp_path / "loud.html", page.replace("</main>", f"{loud}</main>"))
    assert "words" in said
    assert "http://127.0.0.1:9/picture.png" in asked


def opened(path: Path, page: str) -> tuple[str, str, list[str]]:
    """Return the document as drawn, what was written to the console, and what was asked for elsewhere."""
    path.write_text(page, encoding="utf-8")
    log, profile = path.with_suffix(".json"), path.with_suffix("")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", *quiet]
    arguments += ["--enable-logging=stderr", f"--user-data-dir={profile}", f"--log-net-log={log}"]
    command = [str(BROWSER), *arguments, "--dump-dom", path.as_uri()]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = "".join(line for line in told.stderr.splitlines() if "CONSOLE" in line)
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    asked = [event["params"]["url"] for event in events if "url" in event.get("params", {})]
    # The browser asks its maker for the time of day and the like; the report names no such host.
    own = ("google", "gstatic")
    foreign = [url for url in asked if url.startswith("http") and not any(name in url for name in own)]
    return told.stdout, console, foreign
