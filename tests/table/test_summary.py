from graphtune.table import Lengths, from_lists, summarise


def test_figures_by_hand():
    texts = ["one two three", "one two three", "four", "four", "", "好 的 ok"]
    parts = ["train", "train", "train", "test", "train", "val"]
    table = from_lists(texts, [*"xxyyx", None], split=parts, keep_rare=True)
    summary = summarise(table)
    assert summary.rows == 6
    assert summary.labelled == {"train": 4, "test": 1}
    assert summary.unlabelled == {"val": 1}
    assert summary.classes == {"x": 3, "y": 2}
    assert summary.letters == Lengths(shortest=0, median=5, p95=13, longest=13)
    assert summary.words == Lengths(shortest=0, median=2, p95=3, longest=3)
    assert (summary.duplicates_within, summary.duplicates_across) == (1, 1)


def test_languages_are_guessed_on_what_is_written():
    german = "Die Katze sitzt auf dem Dach und schaut den Vögeln zu"
    chinese = "这部电影非常好看，我很喜欢"
    languages = summarise(from_lists([german] * 3 + [chinese, "123"])).languages
    assert languages == {"de": 0.75, "zh": 0.25}


def test_an_empty_table_has_a_summary():
    summary = summarise(from_lists([]))
    assert (summary.rows, summary.languages, summary.classes) == (0, {}, {})
