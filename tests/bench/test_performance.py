import json
import re
import xml.etree.ElementTree as ET

import pytest

import kernels
import performance
import plots
import speeds

CIRCUMSTANCES = {
    "versions": {"python": "3.11.1", "graphtune": "1.2", "torch": "2.9"},
    "hardware": {
        "features": ["avx2"],
        "processor": "x86_64",
        "cores": 2,
        "memory_gib": 8.5,
        "encoding_in": "float32",
    },
}
SPEED = {"median": 40.26, "least": 38.0, "most": 60.5}


def ways(*names):
    return {name: {"median_s": 0.5, "peak_mib": 1000.0 * (at + 1)} for at, name in enumerate(names)}


def encoded(ratio, met=True):
    return {
        "ratio": {"median": ratio, "least": ratio - 0.5, "most": ratio + 0.25},
        "cosine": {"median": 0.999912},
        "accuracy": {"graphtune": 95.06, "sentence-transformers": 95.11},
        "gflop_per_s": 412.0,
        "limit": {"bfloat16_gflop_per_s": 549.2},
        "share_of_limit": 0.75,
        "met": met,
        "date": "2031-02-04",
    }


def stepped(*rivals):
    names = [f"pyg_{rival}" for rival in rivals]
    return {
        "ratio": dict.fromkeys(names, SPEED),
        "peak_share": {"pyg_edge_index": {"process": 0.5}},
        "ways": ways("graphtune", *names),
        "limit": {"float32_gflop_per_s": 100.0, "memory_gb_per_s": 10.0},
        "work": {"products_gflop": 10.0, "messages_gb": 2.0},
    }


def fit(accuracy, graph_free):
    return {"accuracy": accuracy, "graph_free_accuracy": graph_free}


RESULTS = {
    "encoding/r8": encoded(3.254),
    "encoding/banking77": encoded(2.9, met=False),
    "encoding/20ng_body": encoded(2.6),
    "static/banking77": {"ratio": {"median": 214.4, "least": 190.5, "most": 231.0}, "met": True},
    "static/r8": {"ratio": SPEED, "met": False},
    "static/accuracy": {
        "rows": [
            {
                "row": "r8-20",
                "encoders": {"static": fit(94.5, 92.25), "minilm": fit(96.1, 95.2)},
                "given_back": 0.763,
            },
            {
                "row": "trec6",
                "encoders": {"static": fit(94.5, 92.25), "minilm": fit(91.1, 91.2)},
                "given_back": None,
            },
        ]
    },
    "kernels/gcn": stepped("edge_index", "csr"),
    "kernels/sage": stepped("edge_index", "csr"),
    "kernels/gat": stepped("edge_index"),
    "sampling/random": {"ratio": SPEED, "met": True},
    "word_graph/20ng": {
        "ratio": SPEED,
        "compared": {"ways": ways("graphtune", "dictionaries")},
        "whole": {"texts": 18846, "graphtune": {"median_s": 21.34, "peak_mib": 4200.0}},
    },
    "nearest/mixture": {
        "ratio": SPEED,
        "recall": {"graphtune": 0.99871, "faiss": 1.0},
        "ways": ways("graphtune", "faiss"),
        "share_of_limit": {"graphtune": 1.372, "faiss": 0.4},
        "met": True,
    },
    "trainer/banking77-few5": {
        "ratio": 12.5,
        "graphtune": {"seconds": 50.2, "accuracy": 85.62, "peak_mib": 1900.0},
        "trainer": {"seconds": 627.5, "accuracy": 77.04, "peak_mib": 2100.0},
        "bar": {"ratio": 10.0, "accuracy": 78.41},
        "met": True,
        "date": "2031-02-03",
    },
    "latency/banking77-few5": {
        "graphtune": {"p50_ms": 8.13, "p95_ms": 10.24},
        "sentence_transformers": {"p50_ms": 15.52, "p95_ms": 18.18},
    },
    "million/static": {
        "sizes": [
            {"rows": 10_000, "seconds": 30.5, "peak_mib": 900.0},
            {"rows": 100_000, "seconds": 91.2, "peak_mib": 1900.0},
            {"rows": 1_000_000, "seconds": 801.4, "peak_mib": 9216.0},
        ],
        "exponent": {"seconds": 0.712, "peak_mib": 0.504},
        "bar": {"rows": 1_000_000, "seconds": 900.0, "peak_mib": 12288.0},
        "met": True,
    },
}
LANGUAGES = (performance.ENGLISH, performance.CHINESE)


@pytest.fixture
def folder(tmp_path):
    for name, result in RESULTS.items():
        file = tmp_path / f"results/{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result | CIRCUMSTANCES), encoding="utf-8")
    return tmp_path / "results"


def cells(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


def texts_of(drawing):
    return [one.text for one in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]


def test_a_line_shows_every_figure(folder):
    lines = performance.shown(folder, performance.ENGLISH).splitlines()
    assert next(line for line in lines if line.startswith("| encoding r8 |")) == (
        "| encoding r8 | sentence-transformers | ≥ 3×; median cosine ≥ 0.999; at most 0.2 points of "
        "accuracy lost | **3.25×** (2.75 … 3.50); median cosine 0.99991; accuracy 95.06 % against "
        "95.11 % | yes |  |  |"
    )
    assert next(line for line in lines if line.startswith("| training step of GCN | PyG, list")) == (
        "| training step of GCN | PyG, list of edges | ≥ 4× | **40.3×** (38.0 … 60.5) | yes | 60 % "
        "| 1,000 / 2,000 |"
    )
    assert next(line for line in lines if "1,000,000 texts" in line).endswith(
        "| at most 15 min and 12 GiB | 801 s, 9.0 GiB; grow with the texts to the power of 0.71 and 0.50 "
        "| yes |  | 9,216 |"
    )
    text = "\n".join(lines)
    assert (
        "**12.5×**: 50 s against 628 s; accuracy 85.62 % against 77.04 % (best fine-tuning 78.41 %)" in text
    )
    assert "| ≥ 70 % | 412 of 549 GFLOP/s | yes | 75 % |" in text
    assert "; recall 0.9987 | yes | 137 % | 1,000 / 2,000 |" in text
    assert "median 8.1 ms, 95th percentile 10.2 ms; theirs 15.5 ms and 18.2 ms | yes |" in text
    assert "- r8-20: `static` 94.50 % (92.25 %), `minilm` 96.10 % (95.20 %); of what `static` loses" in text
    assert "gives 76 % back" in text
    assert "- trec6: `static` 94.50 % (92.25 %), `minilm` 91.10 % (91.20 %)\n" in text


def test_a_bar_that_is_not_met_is_said_in_both_languages(folder):
    for words in LANGUAGES:
        missed = [row for row in cells(performance.shown(folder, words)) if row[4] == words.met[False]]
        assert len(missed) == 4
    english = [row[0] for row in cells(performance.shown(folder, performance.ENGLISH)) if row[4] == "**no**"]
    assert english == [
        "encoding banking77",
        "`static` encoding r8",
        "peak memory of a step of GAT",
        "TextGCN's graph of 20ng, all texts",
    ]


def test_what_was_not_measured_is_said(tmp_path):
    for words in LANGUAGES:
        heading, *rows = cells(performance.shown(tmp_path, words))
        assert len(rows) == 19
        assert {row[3] for row in rows} == {words.absent}
        assert heading == list(words.columns)
        assert "![" not in performance.shown(tmp_path, words)


def test_a_result_in_an_older_form_is_not_read(folder):
    (folder / "sampling/random.json").write_text(json.dumps({"median_ms": {}, "ratio": 37.0}))
    assert [line.kind for line in speeds.lines(folder) if line.result is None] == ["sampling"]


def test_every_line_has_as_many_cells_as_the_heading(folder):
    for words in LANGUAGES:
        lines = [line for line in performance.shown(folder, words).splitlines() if line.startswith("|")]
        assert len(lines) == 21
        assert {line.count("|") for line in lines} == {len(words.columns) + 1}


def test_both_languages_hold_the_same_figures(folder):
    english, chinese = (
        re.findall(r"\d(?:[\d.,]*\d)?", performance.shown(folder, words)) for words in LANGUAGES
    )
    assert sorted(english) == sorted(chinese)


def test_it_is_said_what_the_figures_were_made_with(folder):
    text = performance.shown(folder, performance.ENGLISH)
    assert text.endswith(
        "Made with python 3.11.1, graphtune 1.2, torch 2.9, on 2 × x86_64 (avx2, 8.5 GiB, float32); measured "
        "2031-02-03 … 2031-02-04; every figure is in `bench/results/`."
    )


def test_a_layer_without_probes_has_no_share(folder):
    file = folder / "kernels/gat.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"limit": {}}))
    shares = [line.share for line in speeds.lines(folder) if line.of == "GAT"]
    assert shares == [None, None]
    assert [line.bar for line in speeds.lines(folder) if line.kind == "step_memory"] == [
        {"share": kernels.BARS["gat"].peak}
    ]


def test_plots_show_every_ratio_and_every_size(folder):
    drawn = performance.plotted(folder)
    ratios, growth = (drawn[name] for name in (performance.RATIOS, performance.GROWTH))
    said = texts_of(ratios)
    measured = [line for line in speeds.lines(folder) if line.ratio is not None]
    assert len(measured) == 14
    assert ratios.count(f"stroke='{plots.BAR}'") == len(measured) + 1  # and the legend's
    assert {"static r8 / minilm", "GCN step / PyG csr", "graphtune fit / Trainer", "40.3×"} <= {*said}
    assert {"801 s", "9.00 GiB", "bar 12 GiB", "100,000", "seconds ~ texts^0.71"} <= {*texts_of(growth)}
    for drawing in (ratios, growth):
        box = [float(end) for end in ET.fromstring(drawing).get("viewBox").split()]
        for across, up in re.findall(r"\b(?:x|x1|cx)='([\d.]+)' (?:y|y1|cy)='([\d.]+)'", drawing):
            assert 0 <= float(across) <= box[2]
            assert 0 <= float(up) <= box[3]


def test_an_axis_is_logarithmic_and_marked_at_round_values():
    axis = plots.Axis(1, 100, 0, 200)
    assert [axis(value) for value in (1, 10, 100)] == [0, 100, 200]
    assert axis.ticks() == [1, 2, 5, 10, 20, 50, 100]
    assert plots.Axis(0.3, 3, 0, 1).ticks() == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("value", "said"), [(0.5, "0.50"), (3.14159, "3.14"), (40.26, "40.3"), (1234.5, "1234")]
)
def test_three_digits_are_enough(value, said):
    assert plots.rounded(value) == said


def test_plots_come_and_go_with_the_results(folder, tmp_path, monkeypatch):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, _ in performance.DOCUMENTS:
        (docs / name).write_text(
            f"# One\n\n{performance.BEGIN}\n{performance.END}\n\nrest\n", encoding="utf-8"
        )
    monkeypatch.setattr(performance, "DOCS", docs)
    monkeypatch.setattr(speeds, "RESULTS", folder)
    assert performance.main(["--check"]) == 1
    assert performance.main([]) == performance.main(["--check"]) == 0
    assert {path.name for path in docs.iterdir()} == {
        *(name for name, _ in performance.DOCUMENTS),
        performance.RATIOS,
        performance.GROWTH,
    }
    (folder / "million/static.json").unlink()
    assert performance.main(["--check"]) == 1
    assert performance.main([]) == performance.main(["--check"]) == 0
    assert not (docs / performance.GROWTH).exists()
    text = (docs / "performance.md").read_text(encoding="utf-8")
    assert text.startswith(f"# One\n\n{performance.BEGIN}\n\n|")
    assert text.endswith(f"\n\n{performance.END}\n\nrest\n")
    assert performance.GROWTH not in text


def test_documents_show_the_committed_results():
    assert performance.main(["--check"]) == 0
