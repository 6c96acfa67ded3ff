import pytest

from graphtune.encoder.terms import shown, terms


def test_english_words_and_pairs():
    assert terms("The CAT sat, a-b!") == ["the", "cat", "sat", "the cat", "cat sat"]


def test_chinese_words_beside_characters():
    found = terms("今天天气很好")
    assert {"今", "今天", "天气"} <= set(found)
    assert {"今天天气", "很", "好"} == {shown(term) for term in found if term != shown(term)}


def test_word_and_pair_of_the_same_characters_are_two_terms():
    assert sorted(shown(term) for term in terms("天气")) == sorted(["天气", "天气", "天", "气"])
    assert len(set(terms("天气"))) == 4


def test_mixed_scripts_keep_their_own_ways():
    found = terms("用 Python 写代码 very fast")
    assert {"python", "very", "fast", "very fast", "用"} <= set(found)


@pytest.mark.parametrize("text", ["ありがとう世界", "สวัสดี", "မင်္ဂလာပါ"])
def test_other_scripts_without_blanks_are_read_by_characters(text):
    found = terms(text)
    assert max(map(len, found)) == 3
    assert all(term in text for term in found)


def test_right_to_left_and_accents():
    assert terms("שלום עולם") == ["שלום", "עולם", "שלום עולם"]
    assert terms("Élan ÜBER") == ["élan", "über", "élan über"]


@pytest.mark.parametrize("text", ["", "  ", "!?…", "😀 😀", "a b c"])
def test_nothing_to_read(text):
    assert terms(text) == []
