import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from counting_encoder import CountingEncoder

from graphtune.encoder import cache as cache_module
from graphtune.encoder import cached, cached_blocks, cached_encode, uncached
from graphtune.encoder.cache import Cache
from graphtune.encoder.tfidf import Tfidf
from graphtune.progress import shown

TEXTS = [f"text {i}" for i in range(50)]


def test_second_time_nothing_is_encoded_and_rows_are_equal_to_the_bit():
    encoder = CountingEncoder()
    first = cached_encode(encoder, TEXTS)
    assert torch.equal(first, encoder.encode(TEXTS))
    assert sorted(encoder.encoded) == sorted(TEXTS)
    again = CountingEncoder()
    assert torch.equal(cached_encode(again, TEXTS[::-1]), first.flip(0))
    assert again.encoded == []


def test_only_new_texts_are_encoded_duplicates_once_and_blank_ones_never():
    cached_encode(CountingEncoder(), TEXTS[:20])
    encoder = CountingEncoder()
    texts = ["", *TEXTS[:25], TEXTS[24], " \n", TEXTS[3]]
    rows = cached_encode(encoder, texts)
    assert encoder.encoded == TEXTS[20:25]
    assert torch.equal(rows, encoder.encode(texts))
    assert not rows[0].any()


def test_what_would_be_encoded_is_told_and_nothing_is_touched(own_cache):
    cached_encode(CountingEncoder(), TEXTS[:20])
    encoder = CountingEncoder()
    texts = ["", *TEXTS[:25], TEXTS[24], " \n", TEXTS[3]]
    (shard,) = own_cache.rglob("*-*.safetensors")
    (shard.parent / ".stale").write_text("of a run that was killed")
    os.utime(shard.parent / ".stale", (0, 0))
    (shard.parent / "spoilt.safetensors").write_bytes(b"cut short")
    before = sorted(own_cache.rglob("*"))
    assert uncached(encoder, texts) == TEXTS[20:25]
    assert uncached(CountingEncoder(fingerprint="g" * 64), texts) == TEXTS[:25]
    assert uncached(Tfidf().fit(TEXTS), texts) == texts
    assert uncached(encoder, []) == []
    assert uncached(encoder, texts, (1, 2)) == TEXTS[:25]  # the last block alone is there
    assert uncached(encoder, texts, (2,)) == TEXTS[20:25]
    assert encoder.encoded == []
    assert sorted(own_cache.rglob("*")) == before


def test_blocks_are_kept_apart():
    encoder = CountingEncoder()
    cached_encode(encoder, TEXTS)
    blocks = cached_blocks(encoder, TEXTS)
    assert sorted(blocks) == [0, 1, 2]
    for block, rows in blocks.items():
        assert torch.equal(rows, encoder.rows(TEXTS, block))
    again = CountingEncoder()
    cached_blocks(again, TEXTS, (0, 1))
    assert again.encoded == []


@pytest.mark.parametrize("other", [{"fingerprint": "a" * 64}, {"number_format": "bfloat16"}])
def test_another_encoder_or_precision_shares_nothing(other):
    cached_encode(CountingEncoder(), TEXTS)
    encoder = CountingEncoder(**other)
    cached_encode(encoder, TEXTS)
    assert len(encoder.encoded) == len(TEXTS)


def test_no_texts_at_all():
    assert cached_encode(CountingEncoder(), []).shape == (0, 8)


def test_cheap_encoders_leave_nothing_on_disk(own_cache):
    fitted = Tfidf().fit(["red cat", "blue dog"])
    assert torch.equal(cached_encode(fitted, ["red dog"]), fitted.encode(["red dog"]))
    assert not own_cache.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "flip"])
def test_spoilt_shard_is_removed_with_a_note(own_cache, capsys, damage):
    encoder = CountingEncoder()
    expected = cached_encode(encoder, TEXTS)
    (shard,) = own_cache.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    content[-3] ^= 255
    shard.write_bytes({"cut": content[:-100], "empty": b"", "flip": content}[damage])
    again = CountingEncoder()
    with shown():
        assert torch.equal(cached_encode(again, TEXTS), expected)
    assert len(again.encoded) == len(TEXTS)
    assert "spoilt" in capsys.readouterr().err
    assert not shard.exists()


def test_place_that_is_a_file_costs_a_note_only(own_cache, capsys):
    own_cache.write_text("not a folder")
    encoder = CountingEncoder()
    with shown():
        rows = cached_encode(encoder, TEXTS)
    assert torch.equal(rows, encoder.encode(TEXTS))
    assert capsys.readouterr().err.count("goes on without the cache") == 1
    assert own_cache.read_text() == "not a folder"


def test_full_disk_costs_a_note_only(monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cached, "_SECONDS_BETWEEN_SHARDS", 0.0)
    monkeypatch.setattr(cache_module, "save_file", full)
    encoder = CountingEncoder()
    with shown():
        rows = cached_encode(encoder, TEXTS)
    assert torch.equal(rows, encoder.encode(TEXTS))
    assert capsys.readouterr().err.count("The disk is full") == 1


def test_interrupted_encoding_keeps_what_was_done():
    class Interrupted(CountingEncoder):
        def batches(self, texts, blocks):
            for number, batch in enumerate(super().batches(texts, blocks)):
                if number == 2:
                    raise KeyboardInterrupt
                yield batch

    with pytest.raises(KeyboardInterrupt):
        cached_encode(Interrupted(), TEXTS)
    encoder = CountingEncoder()
    cached_encode(encoder, TEXTS)
    assert encoder.encoded == TEXTS[20:]


def test_many_shards_are_joined_and_nothing_is_lost(own_cache, monkeypatch):
    monkeypatch.setattr(cache_module, "_MANY_SHARDS", 8)
    for text in TEXTS:
        cached_encode(CountingEncoder(), [text])
    assert len(list(own_cache.rglob("*.safetensors"))) < 8
    encoder = CountingEncoder()
    assert torch.equal(cached_encode(encoder, TEXTS), encoder.encode(TEXTS))
    assert encoder.encoded == []


def test_shard_that_vanishes_between_its_two_openings_is_not_cached(own_cache, monkeypatch, capsys):
    cached_encode(CountingEncoder(), TEXTS)

    def vanishing(shard, framework):
        shard.unlink(missing_ok=True)
        torch.UntypedStorage.from_file(str(shard), shared=False, nbytes=8)

    monkeypatch.setattr(cache_module, "safe_open", vanishing)
    assert Cache.of_user().held()[0].entries == 0
    encoder = CountingEncoder()
    with shown():
        assert torch.equal(cached_encode(encoder, TEXTS), encoder.encode(TEXTS))
    assert encoder.encoded == TEXTS
    assert "spoilt" not in capsys.readouterr().err


def test_held_and_clear(own_cache):
    cached_encode(CountingEncoder(), TEXTS)
    cached_blocks(CountingEncoder(fingerprint="a" * 64), TEXTS[:5])
    cache = Cache.of_user()
    large, small = cache.held()
    assert (large.name, large.entries, small.entries) == ("counting", 50, 15)
    assert small.fingerprint == "a" * 32
    assert cache.clear([large]) == large.size > 0
    assert [one.fingerprint for one in cache.held()] == ["a" * 32]


def test_held_of_a_cache_that_is_not_there():
    assert Cache.of_user().held() == []


def _process(cache: Path, body: str) -> subprocess.Popen[bytes]:
    start = """
        from counting_encoder import CountingEncoder
        from graphtune.encoder import cached
        cached._SECONDS_BETWEEN_SHARDS = 0.0
    """
    code = textwrap.dedent(start) + textwrap.dedent(body)
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": here, "GRAPHTUNE_CACHE": str(cache)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


def test_killed_run_is_taken_up_where_it_was(own_cache):
    texts = [f"long work {i}" for i in range(100)]
    process = _process(
        own_cache,
        """
        texts = [f"long work {i}" for i in range(100)]
        cached.cached_encode(CountingEncoder(killed_before_batch=3), texts)
        """,
    )
    assert process.wait(timeout=120) == -9
    encoder = CountingEncoder()
    assert torch.equal(cached_encode(encoder, texts), encoder.encode(texts))
    assert encoder.encoded == texts[30:]


def test_two_processes_write_at_once(own_cache):
    body = """
        from graphtune.encoder import cache
        cache._MANY_SHARDS = 10
        texts = [f"text {i}" for i in range(300)]
        cached.cached_encode(CountingEncoder(batch=5), texts)
    """
    processes = [_process(own_cache, body), _process(own_cache, body)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    texts = [f"text {i}" for i in range(300)]
    encoder = CountingEncoder()
    assert torch.equal(cached_encode(encoder, texts), encoder.encode(texts))
    assert encoder.encoded == []
