"""``graphtune fit``: what it leaves behind, and how every bad input ends."""

import errno
import json
import math
import os
import re
from itertools import pairwise

import pytest
from small_table import COLUMNS, PLAN, listing, metrics, rows, write_csv
from test_check import BAD, BAD_LINES

from graphtune.cli.app import main

QUICK = ("--plan", "quick.toml")


def test_a_fit_leaves_a_model_its_figures_its_report_and_its_card(model):
    names = {path.name for path in model.iterdir()}
    assert {"manifest.json", "metrics.json", "report.html", "README.md"} <= names
    found = metrics(model)
    assert found["rows"]["labelled"] == 9
    assert found["rows"]["test"] == 21
    assert sorted(found["classes"]) == sorted(["退款 😀", "شحن", "<b>login</b>"])
    assert found["test"]["accuracy"] > 0.6
    report = (model / "report.html").read_text(encoding="utf-8")
    assert "退款 😀" in report
    assert "&lt;b&gt;login&lt;/b&gt;" in report
    assert "شحن" in (model / "README.md").read_text(encoding="utf-8")


def test_it_says_what_it_guessed_what_it_found_and_where_it_is(table, tmp_path, capsys):
    assert main(["fit", str(table), *COLUMNS[:4], *QUICK, "--into", "made"]) == 0
    out, err = capsys.readouterr()
    assert "split = 'split'" in err
    assert "of 21 test texts are labelled right" in out
    assert "held-out accuracy" in out
    assert out.rstrip().endswith("report: made/report.html")
    assert (tmp_path / "made" / "report.html").is_file()


def test_more_unlabelled_files_and_a_test_file_are_read(tmp_path, capsys):
    known = [{"text": row["النص"], "label": row["标签"]} for row in rows()]
    write_csv(tmp_path / "rows.csv", [row for row in known if row["label"]][:20])
    write_csv(tmp_path / "more.csv", [{"text": row["text"]} for row in known if not row["label"]])
    write_csv(tmp_path / "even more.csv", [{"text": "one more text"}])
    write_csv(tmp_path / "judge.csv", [row for row in known if row["label"]][20:])
    arguments = ["--unlabelled", "more.csv", "--unlabelled", "even more.csv", "--test", "judge.csv"]
    assert main(["fit", "rows.csv", *arguments, *QUICK, "--into", "made"]) == 0
    found = metrics(tmp_path / "made")["rows"]
    unlabelled = sum(not row["label"] for row in known) + 1
    assert found == {"labelled": 20, "unlabelled": unlabelled, "val": 0, "test": 10}


def test_edges_are_a_graph_of_their_own(table, tmp_path):
    ids = [row["编号"] for row in rows()]
    links = PLAN.replace('name = "meaning"', 'name = "links"').replace('graph = "meaning"', 'graph = "links"')
    links = links.replace('{ kind = "Neighbours", k = 5 }', '"Given"')
    (tmp_path / "links.toml").write_text(links)
    pairs = [{"source": a, "target": b} for a, b in pairwise(ids)]
    write_csv(tmp_path / "edges.csv", pairs)
    assert (
        main(["fit", str(table), *COLUMNS, "--edges", "edges.csv", "--plan", "links.toml", "--into", "made"])
        == 0
    )
    (graph,) = metrics(tmp_path / "made")["graphs"]
    # A link that ends at a test row is left for the prediction of that row.
    assert (graph["name"], graph["note"][:19]) == ("links", "38 of 62 links used")
    write_csv(tmp_path / "new.csv", [{"id": "new", "text": "nothing known here"}])
    for label, words in {"退款 😀": "ر0😀", "شحن": "ر21😀", "<b>login</b>": "ر42😀"}.items():
        write_csv(tmp_path / "new edges.csv", [{"source": words, "target": "new"}])
        out = ["--edges", "new edges.csv", "--neighbours", "1", "--out", "out.jsonl"]
        assert main(["predict", "made", "new.csv", *out]) == 0
        found = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
        assert (found["label"], found["neighbours"][0]["id"]) == (label, words)


def test_options_come_before_the_plan(table, model, tmp_path):
    (tmp_path / "plan.toml").write_text("seed = 3\ntransductive = true\n" + PLAN)
    options = ["--seed", "4", "--inductive", "--budget", "1m"]
    assert main(["fit", str(table), *COLUMNS, "--plan", "plan.toml", *options, "--into", "made"]) == 0
    found = metrics(tmp_path / "made")
    assert (found["encoder"], found["seed"], found["protocol"]) == ("tfidf", 4, "inductive")
    assert "budget_seconds = 60.0" in (tmp_path / "made" / "plan.toml").read_text()


def test_the_texts_of_test_rows_join_the_graph_only_when_asked(table, model, tmp_path):
    assert main(["fit", str(table), *COLUMNS, *QUICK, "--transductive", "--into", "made"]) == 0
    found = metrics(tmp_path / "made")
    assert found["protocol"] == "transductive"
    names = 3
    assert found["graphs"][0]["nodes"] == 63 + names
    assert metrics(model)["graphs"][0]["nodes"] == 42 + names


def test_a_dry_run_says_what_a_fit_would_take_and_writes_nothing(table, tmp_path, capsys):
    from graphtune.encoder.cache import cache_root

    before = listing(tmp_path)
    assert main(["fit", str(table), *COLUMNS, *QUICK, "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert "columns taken by their names" in err
    assert "nothing was fitted or written" in out
    assert "rows: 9 labelled, 33 unlabelled, 0 val, 21 test; 3 classes" in out
    assert "texts: 66 to encode with tfidf, 0 in the cache" in out  # names of classes are texts
    for stage in ("encode", "graphs", "select", "final + evaluate", "total"):
        assert re.search(rf"\n {re.escape(stage)} +\d[\d.]* s", out)
    assert re.search(r"time: about [\d.]+ s of a budget of 30 s", out)
    assert re.search(r"memory: about [\d,]+ MiB at the peak, .*program 470 MiB", out)
    assert "\nlikely to fit; this is an estimate: the exit status is 0 either way" in out
    assert listing(tmp_path) == before
    assert not list(cache_root().iterdir())


def test_a_dry_run_says_what_to_do_where_time_or_memory_is_short(table, monkeypatch, capsys):
    from graphtune.run import estimate

    monkeypatch.setattr(estimate, "available_bytes", lambda: 100 << 20)
    assert main(["fit", str(table), *COLUMNS, "--encoder", "tfidf", "--budget", "0.001", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "MiB at the peak, 100 MiB available" in out
    assert "not likely to fit; this is an estimate: the exit status is 0 either way" in out
    assert "  --budget 10s is likely to be enough" in out
    assert "Leaving out unlabelled rows is not enough" in out
    monkeypatch.setattr(estimate, "available_bytes", lambda: None)
    assert main(["fit", str(table), *COLUMNS, "--encoder", "tfidf", "--dry-run"]) == 0
    assert "how much there is is not known" in capsys.readouterr().out


@pytest.mark.parametrize("case", [*BAD, "one class"])
def test_a_dry_run_refuses_what_a_fit_refuses(case, tmp_path, refused):
    rare = b"text,label,split\na b,x,train\nc d,x,train\ne f,y,test\n"
    (tmp_path / "rows.csv").write_bytes(rare if case == "one class" else BAD[case][0])
    asked = ("fit", "rows.csv", *QUICK)
    assert refused(*asked, "--dry-run", folder=tmp_path) == refused(*asked, folder=tmp_path)


def test_an_old_model_is_replaced(table, model):
    before = (model / "metrics.json").read_bytes()
    assert main(["fit", str(table), *COLUMNS, *QUICK, "--seed", "9", "--into", str(model)]) == 0
    assert (model / "metrics.json").read_bytes() != before
    assert metrics(model)["seed"] == 9


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_with_its_fix(case, tmp_path, refused):
    content, problem, fix = BAD[case]
    (tmp_path / "rows.csv").write_bytes(content)
    said = refused("fit", "rows.csv", *QUICK, folder=tmp_path)
    assert problem in said[0]
    assert fix in said[1]


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_json_file_is_refused_with_its_fix(case, tmp_path, refused):
    content, problem, fix = BAD_LINES[case]
    (tmp_path / "rows.jsonl").write_bytes(content)
    said = refused("fit", "rows.jsonl", *QUICK, folder=tmp_path)
    assert problem in said[0]
    assert fix in said[1]


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--text", "النصص", "no column 'النصص' for the text"),
        ("--label", "label", "no column 'label' for the label"),
        ("--split", "part", "no column 'part' for the split"),
        ("--id", "number", "no column 'number' for the id"),
        ("--edges", "no.csv", "no.csv does not exist"),
        ("--unlabelled", "no.csv", "no.csv does not exist"),
        ("--test", "no.csv", "no.csv does not exist"),
        ("--plan", "no.toml", "no.toml cannot be read"),
        ("--budget", "soon", "'soon' is no time"),
        ("--budget", "0", "no time to do anything"),
        ("--encoder", "no/such-encoder", "no/such-encoder"),
        ("--encoder", "./nowhere", "nowhere"),
        ("--into", "rows.csv", "rows.csv is a file"),
        ("--into", "rows.csv/model", "is a file, not a folder"),
        ("--into", "full", "full has files in it that are no graphtune model"),
    ],
)
def test_a_bad_option_is_refused(option, value, problem, table, tmp_path, refused, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep me")
    said = refused("fit", table, *COLUMNS, "--budget", "3s", option, value, folder=tmp_path)
    assert problem in said[0]
    assert said[1].strip()


def test_missing_file_and_directory(tmp_path, refused):
    assert "does not exist" in refused("fit", "nothing.csv", *QUICK, folder=tmp_path)[0]
    (tmp_path / "folder").mkdir()
    assert "is a directory" in refused("fit", "folder", *QUICK, folder=tmp_path)[0]


def test_edges_to_unknown_ids_are_refused(table, tmp_path, refused):
    (tmp_path / "edges.csv").write_text("source,target\nر0😀,ر1😀\nر1😀,nobody\n", encoding="utf-8")
    problem, fix = refused("fit", table, *COLUMNS, "--edges", "edges.csv", *QUICK, folder=tmp_path)
    assert "row 2: 'nobody'" in problem
    assert "--id" in fix


def _numbers(value) -> list[float]:
    if isinstance(value, int | float):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [number for one in parts for number in _numbers(one)]


@pytest.mark.parametrize("how", ["option", "plan"])
def test_a_class_seen_once_is_learned_where_asked(how, tmp_path, refused, capsys):
    kinds = {"bill": ("refund", "money", "paid", "charge"), "box": ("parcel", "late", "courier", "door")}
    made = [f"{a} {b},{kind},train" for kind, words in kinds.items() for a, b in pairwise(words * 2)]
    made += ["zebra crossing,animal,train"]
    made += ["money back,bill,test", "parcel here,box,test", "a zebra,animal,test"]
    (tmp_path / "rows.csv").write_text("text,label,split\n" + "\n".join(made) + "\n")
    problem, fix = refused("fit", "rows.csv", "--encoder", "tfidf", folder=tmp_path)
    assert "one training row only: 'animal'" in problem
    assert "--keep-rare" in fix
    (tmp_path / "rare.toml").write_text("keep_rare = true\n")
    asked = ["--keep-rare"] if how == "option" else ["--plan", "rare.toml"]
    quick = ["--encoder", "tfidf", "--budget", "6s", "--into", "made"]
    assert main(["fit", "rows.csv", *quick, *asked]) == 0
    assert "learned from, but never checked" in capsys.readouterr().err
    found = metrics(tmp_path / "made")
    assert found["classes"] == ["animal", "bill", "box"]
    assert found["test"]["accuracy"] == 1
    assert found["candidates"]
    assert all(math.isfinite(number) for number in _numbers(found))
    assert "keep_rare = true" in (tmp_path / "made" / "plan.toml").read_text()


def test_an_option_turns_off_what_the_plan_keeps(tmp_path, refused):
    (tmp_path / "rows.csv").write_text("text,label\nparcel,x\nlate,x\nbox,x\nrefund,y\n")
    (tmp_path / "rare.toml").write_text("keep_rare = true\n")
    asked = ["--encoder", "tfidf", "--plan", "rare.toml", "--refuse-rare"]
    assert "one training row only: 'y'" in refused("fit", "rows.csv", *asked, folder=tmp_path)[0]


@pytest.mark.parametrize("label", ["", "z"])
def test_nothing_to_choose_by_is_refused(label, tmp_path, refused):
    # A val row without a label, or of a class that is not learned, cannot judge.
    (tmp_path / "rows.csv").write_text(
        f"text,label,split\nparcel,x,train\nrefund,y,train\nlogin,{label},val\n"
    )
    problem, fix = refused("fit", "rows.csv", "--encoder", "tfidf", folder=tmp_path)
    assert "2 classes have one training row only: 'x' and 'y'" in problem
    assert "label more of its rows" in fix
    assert "--keep-rare" not in fix


@pytest.mark.parametrize("plan", ["budget_second = 3\n", "seed = 'x'\n", "not toml", 'encoder = "nowhere"\n'])
def test_a_bad_plan_is_refused(plan, table, tmp_path, refused):
    (tmp_path / "plan.toml").write_text(plan)
    problem, fix = refused("fit", table, *COLUMNS, "--plan", "plan.toml", folder=tmp_path)
    assert problem
    assert fix.strip()


@pytest.mark.parametrize("at", [1, 3, "swap"])
def test_a_full_disk_costs_the_new_model_and_never_the_old(at, table, model, tmp_path, monkeypatch, capsys):
    from graphtune import artefact

    calls = []

    def full(*arguments):
        calls.append(arguments)
        if at == "swap" or len(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(artefact, "_swap" if at == "swap" else "_flush", full)
    before = listing(tmp_path)
    assert main(["fit", str(table), *COLUMNS, *QUICK, "--seed", "1", "--into", str(model)]) == 2
    assert calls
    assert "The disk is full" in capsys.readouterr().err
    # What `--resume` goes on from may stay, nothing else.
    after = {name: held for name, held in listing(tmp_path).items() if "graphtune-resume" not in name}
    assert after == before


def test_a_seed_or_flag_that_is_none_ends_with_usage(table, capsys):
    for wrong in (["--seed", "x"], ["--class-shares", "equal"]):
        assert main(["fit", str(table), *wrong]) == 2
        assert "Usage: graphtune fit" in capsys.readouterr().err


@pytest.mark.parametrize(
    "stage",
    [
        "graphtune.table.read_tables",
        "graphtune.run.ready.split_rows",
        "graphtune.encoder.tfidf.Tfidf.fit",
        "graphtune.encoder.tfidf.FittedTfidf.dense",
        "graphtune.run.ready.build",
        "graphtune.select.journal.Journal.keep",
        "graphtune.run.fit.choose",
        "graphtune.run.evaluated.figures",
        "graphtune.run.saved.digests",
        "graphtune.artefact._swap",
    ],
)
def test_an_interrupted_fit_leaves_nothing_half_written_and_goes_on(
    stage, table, model, tmp_path, monkeypatch, capsys
):
    def stop(*_arguments, **_settings):
        raise KeyboardInterrupt

    before = listing(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(stage, stop)
        assert main(["fit", str(table), *COLUMNS, *QUICK, "--into", str(model)]) == 130
    assert "with --resume" in capsys.readouterr().err
    after = {name: held for name, held in listing(tmp_path).items() if "graphtune-resume" not in name}
    assert after == before
    expected = metrics(model)
    assert main(["fit", str(table), *COLUMNS, *QUICK, "--into", str(model), "--resume"]) == 0
    assert not any("graphtune-resume" in name for name in listing(tmp_path))
    found = metrics(model)
    for key in ("test", "chosen", "temperature", "confusion", "verdict"):
        assert found[key] == expected[key]


def test_a_column_of_weights_is_followed_and_must_be_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    weighed = [
        row | {"重": "0" if row["标签"] == "شحن" and row["split"] == "train" else "2.5"} for row in rows()
    ]
    write_csv(tmp_path / "rows.csv", weighed)
    assert main(["fit", "rows.csv", *COLUMNS, *QUICK, "--weight", "重", "--into", "model"]) == 0
    assert "شحن" not in json.loads((tmp_path / "model/labels.json").read_text(encoding="utf-8"))
    capsys.readouterr()
    assert main(["fit", "rows.csv", *COLUMNS, *QUICK, "--weight", "none", "--into", "other"]) == 2
    said = capsys.readouterr().err
    assert "no column 'none' for the weight" in said
    assert "--weight on the command line" in said


def test_rows_of_no_class_are_no_class_and_the_report_says_how_they_are_told(tmp_path, capsys, refused):
    path = write_csv(
        tmp_path / "rows.csv",
        rows()
        + [
            {
                "编号": f"odd {at}",
                "النص": f"zebra xylophone {at}",
                "标签": "其他",
                "split": ("train", "test")[at % 4 == 0],
            }
            for at in range(20)
        ],
    )
    options = ("--plan", "quick.toml", "--into", "told")
    assert main(["fit", str(path), *COLUMNS, *options, "--unknown-label", "其他"]) == 0
    out = capsys.readouterr().out
    found = metrics(tmp_path / "told")
    assert len(found["classes"]) == 3
    assert (found["unknown"]["label"], found["unknown"]["examples"]) == ("其他", 15)
    assert found["unknown"]["test"]["unknown"] == 5
    assert "the AUROC of the score is" in out
    assert "Texts of no class" in (tmp_path / "told/report.html").read_text("utf-8")
    assert "graphtune predict --unknown" in (tmp_path / "told/README.md").read_text("utf-8")
    assert main(["predict", "told", str(path), *COLUMNS[:2], "--unknown", "--out", "labels.jsonl"]) == 0
    labels = [
        json.loads(line)["label"] for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()
    ]
    assert labels[-20:].count("其他") >= 18
    assert labels[:63].count("其他") <= 12
    problem, fix = refused(
        "fit",
        path,
        *COLUMNS,
        "--plan",
        "quick.toml",
        "--into",
        "new",
        "--unknown-label",
        "其它",
        folder=tmp_path,
    )
    assert "No row has the label '其它'" in problem
    assert "leave it out" in fix or "did you mean" in fix
