import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from transformers import AutoModel, AutoTokenizer

from graphtune import TextClassifier
from graphtune.cli.app import main
from graphtune.encoder import (
    Cache,
    Encoder,
    FittedEncoder,
    FittedStatic,
    Static,
    Transformer,
    cached_encode,
    from_name,
    token_table,
)
from graphtune.errors import EncoderError, OutputError
from graphtune.plan import Plan
from graphtune.progress import shown

TEXTS = [
    "the quick red cat sat on the mat",
    "dog",
    "",
    "你好 the tree",
    "the cat ran " * 300,
    "😀",
    "cat \ud800 dog",
    " \t\n",
    "dog",
]
NOTHING_TO_READ = [2, 5, 7]


def _static(tiny_bert: Path, width: int = 24, max_tokens: int = 512) -> FittedStatic:
    return Static(str(tiny_bert), width, max_tokens).fit(())


def _by_hand(tiny_bert: Path, width: int) -> np.ndarray:
    """Every text's row from the model itself, one token at a time."""
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_bert), AutoModel.from_pretrained(tiny_bert).eval()
    ids = [i for i in range(len(tokenizer)) if i not in tokenizer.all_special_ids]
    with torch.no_grad():
        states = [
            model(torch.tensor([[tokenizer.cls_token_id, i, tokenizer.sep_token_id]])).last_hidden_state
            for i in ids
        ]
    means = torch.stack([state[0].mean(dim=0) for state in states])
    means = torch.nn.functional.normalize(means, dim=1).numpy().astype(np.float64)
    inverse = 1 / np.arange(2, len(ids) + 2)
    weight = 1e-4 / (1e-4 + inverse / inverse.sum())
    table = dict(zip(ids, PCA(width).fit_transform(means) * weight[:, None], strict=True))
    rows = np.zeros((len(TEXTS), width))
    for row, text in enumerate(TEXTS):
        readable = text.replace("\ud800", "?")
        known = [i for i in tokenizer(readable, add_special_tokens=False)["input_ids"] if i in table][:512]
        if known:
            mean = np.mean([table[i] for i in known], axis=0)
            rows[row] = mean / np.linalg.norm(mean)
    return rows


@pytest.mark.filterwarnings("ignore:Token indices sequence length")
@pytest.mark.parametrize("width", [5, 32])
def test_equals_the_mean_computed_by_hand(tiny_bert, width):
    rows, expected = _static(tiny_bert, width).encode(TEXTS).double().numpy(), _by_hand(tiny_bert, width)
    assert rows.shape == (len(TEXTS), width)
    # Components have no sign of their own: what two texts have in common is compared.
    np.testing.assert_allclose(rows @ rows.T, expected @ expected.T, atol=1e-4)


def test_rows_have_norm_one_or_nothing_to_read(tiny_bert):
    expected = torch.ones(len(TEXTS))
    expected[NOTHING_TO_READ] = 0
    torch.testing.assert_close(_static(tiny_bert).encode(TEXTS).norm(dim=1), expected)
    assert _static(tiny_bert).encode([]).shape == (0, 24)


def test_a_row_depends_on_its_text_alone(tiny_bert, monkeypatch):
    encoder = _static(tiny_bert)
    together = encoder.encode(TEXTS)
    assert torch.equal(encoder.encode(TEXTS[::-1]), together.flip(0))
    assert torch.equal(torch.cat([encoder.encode([text]) for text in TEXTS]), together)
    many = encoder.encode(TEXTS * 2000)  # more than are tokenised at once
    assert torch.equal(many, together.repeat(2000, 1))


def test_word_order_is_not_read_but_what_lies_behind_is_cut(tiny_bert):
    encoder = _static(tiny_bert, max_tokens=3)
    rows = encoder.encode(["cat dog tree", "tree cat dog", "cat dog tree red", "cat dog red"])
    torch.testing.assert_close(rows[0], rows[1])
    assert torch.equal(rows[0], rows[2])
    assert not torch.allclose(rows[0], rows[3])


def test_keeps_to_the_protocols(tiny_bert):
    settings = Static(str(tiny_bert), width=24)
    assert isinstance(settings, Encoder)
    assert settings.describe() == {"kind": "Static", "name": str(tiny_bert), "width": 24, "max_tokens": 512}
    fitted = settings.fit(TEXTS)
    assert isinstance(fitted, FittedEncoder)
    assert torch.equal(cached_encode(fitted, TEXTS), fitted.encode(TEXTS))
    assert (fitted.width, _static(tiny_bert, width=400).width) == (24, 32)


def test_same_from_the_cache_and_shown_there(tiny_bert, monkeypatch, capsys):
    fresh = _static(tiny_bert).encode(TEXTS)
    monkeypatch.setattr(token_table.LoadedTransformer, "load", None)  # nothing is distilled any more
    assert torch.equal(_static(tiny_bert).encode(TEXTS), fresh)
    held = Cache.of_user().held()
    assert [(one.name, one.entries) for one in held] == [(f"static:{tiny_bert}", 71)]
    assert main(["cache", "--clear"]) == 0
    assert "removed" in capsys.readouterr().out
    assert Cache.of_user().held() == []


def test_distils_the_same_rows_again(tiny_bert):
    fresh = _static(tiny_bert)
    cache = Cache.of_user()
    assert cache.clear(cache.held()) > 0
    again = _static(tiny_bert)
    assert torch.equal(again.table.rows, fresh.table.rows)
    assert again.fingerprint == fresh.fingerprint


def test_a_trial_leaves_nothing_behind_and_takes_what_there_is(tiny_bert, own_cache):
    settings = Static(str(tiny_bert), 24)
    blank, seconds = settings.trial()
    assert seconds > 0
    assert not list(own_cache.rglob("*.safetensors"))
    fitted = settings.fit(())
    assert (blank.width, blank.fingerprint) == (fitted.width, fitted.fingerprint)
    assert blank.table.rows.shape == fitted.table.rows.shape
    assert not blank.encode(TEXTS).any()
    again, seconds = settings.trial()
    assert seconds == 0
    assert torch.equal(again.encode(TEXTS), fitted.encode(TEXTS))


def test_spoilt_cache_is_distilled_anew(tiny_bert, capsys):
    fresh = _static(tiny_bert).encode(TEXTS)
    (file,) = Cache.of_user().root.rglob("table.safetensors")
    whole = file.read_bytes()
    for spoilt in (whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(spoilt)
        with shown():
            assert torch.equal(_static(tiny_bert).encode(TEXTS), fresh)
        assert "spoilt" in capsys.readouterr().err
        assert token_table.TokenTable.read(file) is not None


def test_two_may_distil_at_once(tiny_bert):
    with ThreadPoolExecutor(2) as threads:
        one, other = threads.map(lambda _: _static(tiny_bert), range(2))
    assert torch.equal(one.encode(TEXTS), other.encode(TEXTS))
    assert [file.name for file in Cache.of_user().root.rglob("*.safetensors")] == ["table.safetensors"]


def test_goes_on_without_a_cache(tiny_bert, monkeypatch, capsys):
    def full(self, file):
        raise OutputError("The disk is full.", fix="free some space.")

    monkeypatch.setattr(token_table.TokenTable, "write", full)
    with shown():
        assert _static(tiny_bert).encode(["cat"]).any()
    assert "without the cache. The disk is full." in capsys.readouterr().err


def test_fingerprint_follows_content_and_settings(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    first = _static(tiny_bert).fingerprint
    assert _static(copy).fingerprint == first
    (copy / "vocab.txt").write_text((copy / "vocab.txt").read_text(encoding="utf-8") + "\n", encoding="utf-8")
    others = [_static(copy), _static(tiny_bert, width=23), _static(tiny_bert, max_tokens=511)]
    assert len({first, Transformer(str(tiny_bert)).fingerprint, *(one.fingerprint for one in others)}) == 5


def test_leaves_no_thread_and_no_setting_behind(tiny_bert, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    before = threading.active_count()
    _static(tiny_bert).encode(TEXTS * 300)
    assert threading.active_count() == before
    assert "TOKENIZERS_PARALLELISM" not in os.environ


def test_nothing_is_printed(tiny_bert, capfd):
    _static(tiny_bert).encode(TEXTS)
    assert capfd.readouterr() == ("", "")


def test_known_by_name(tiny_bert):
    assert from_name("static") == Static()
    named = from_name(f"static:{tiny_bert}")
    assert named == Static(str(tiny_bert))
    assert named.spelling == f"static:{tiny_bert}"
    assert Static().spelling == "static"


@pytest.mark.parametrize(
    ("name", "problem", "fix"),
    [
        ("static:", "transformer to distil", "hub id"),
        ("static:tfidf", "transformer to distil", "hub id"),
        ("static:miniml", "No encoder 'miniml'", "did you mean 'minilm'"),
        ("statik", "No encoder 'statik'", "did you mean 'static'"),
    ],
)
def test_names_that_are_none(name, problem, fix):
    with pytest.raises(EncoderError, match=problem) as error:
        from_name(name)
    assert fix in error.value.fix


@pytest.mark.parametrize("setting", ["width", "max_tokens"])
def test_settings_out_of_range(setting):
    with pytest.raises(EncoderError, match=rf"encoder\.{setting} = 0 is below 1"):
        Static(**{setting: 0})


def test_vocabulary_with_nothing_in_it(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "[unused17]"]
    (copy / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    with pytest.raises(EncoderError, match="0 tokens to distil"):
        _static(copy)


def _rows() -> list[tuple[str, str]]:
    return [(f"the {word} cat {n}", word) for n in range(20) for word in ("red", "slow")]


def _quick(tiny_bert: Path) -> str:
    return f'encoder = {json.dumps(f"static:{tiny_bert}")}\n[[candidates]]\nkind = "Probe"\n'


def test_fit_command_and_the_saved_model(tiny_bert, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = ["text,label", *(f"{text},{label}" for text, label in _rows())]
    Path("rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("plan.toml").write_text('[[candidates]]\nkind = "Probe"\n', encoding="utf-8")
    asked = ["--encoder", f"static:{tiny_bert}", "--plan", "plan.toml", "--into", "made"]
    assert main(["fit", "rows.csv", *asked]) == 0
    manifest = json.loads(Path("made/manifest.json").read_text(encoding="utf-8"))
    assert manifest["encoder"]["name"] == f"static:{tiny_bert}"
    assert manifest["encoder"]["fingerprint"] == Static(str(tiny_bert)).fit(()).fingerprint
    capsys.readouterr()
    assert main(["predict", "made", "rows.csv"]) == 0
    assert "red" in capsys.readouterr().out


def test_classifier_and_plan(tiny_bert):
    plan = Plan.from_text(_quick(tiny_bert))
    assert Plan.from_text(plan.to_text()) == plan
    texts, labels = zip(*_rows(), strict=True)
    model = TextClassifier(plan=plan).fit(texts, labels)
    assert list(model.predict(["a red dog", "a slow dog"])) == ["red", "slow"]
