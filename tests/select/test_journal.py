"""What a search keeps on disk, and what becomes of it when it no longer fits or is spoilt."""

import numpy as np
import pytest

from graphtune import progress
from graphtune.select.journal import Journal

TABLE = np.random.default_rng(0).random((5, 3), dtype=np.float32)


@pytest.fixture
def journal(tmp_path) -> Journal:
    made = Journal.opened(tmp_path / "journal", "a", resume=False)
    made.keep("probe(words)", TABLE, 1.5)
    return made


def test_gives_back_what_was_kept(journal):
    again = Journal.opened(journal.directory, "a", resume=True)
    found = again.find("probe(words)")
    assert found is not None
    assert np.array_equal(found[0], TABLE)
    assert found[1] == 1.5
    assert again.find("probe(meaning)") is None


@pytest.mark.parametrize(("fingerprint", "resume"), [("a", False), ("b", True), ("b", False)])
def test_begins_anew_without_resume_or_for_another_table(journal, fingerprint, resume):
    again = Journal.opened(journal.directory, fingerprint, resume=resume)
    assert again.find("probe(words)") is None
    again.keep("probe(words)", TABLE + 1, 2.0)
    assert Journal.opened(journal.directory, fingerprint, resume=True).find("probe(words)") is not None


def test_says_that_another_table_starts_from_the_beginning(journal, capsys):
    with progress.shown():
        Journal.opened(journal.directory, "b", resume=True)
    assert "starting from the beginning" in capsys.readouterr().err


@pytest.mark.parametrize("spoil", [lambda b: b[:20], lambda b: b[:-4], lambda b: b"", lambda b: b"{}" + b])
def test_a_spoilt_entry_is_as_none(journal, spoil):
    (path,) = journal.directory.glob("*.safetensors")
    path.write_bytes(spoil(path.read_bytes()))
    assert journal.find("probe(words)") is None
    assert not path.exists()
    journal.keep("probe(words)", TABLE, 1.5)
    assert journal.find("probe(words)") is not None


def test_a_mark_that_is_cut_short_begins_anew(journal):
    (journal.directory / "fingerprint").write_text("")
    assert Journal.opened(journal.directory, "a", resume=True).find("probe(words)") is None


def test_nothing_is_left_once_it_is_done(journal):
    journal.discard()
    assert not journal.directory.exists()
    journal.discard()
