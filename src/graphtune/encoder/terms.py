"""The terms a text is counted by.

Words of two or more letters, alone and in pairs, where words are written with blanks. Chinese: words found by
rjieba beside single characters and pairs of them. Other scripts without blanks (Japanese, Thai, Lao, Khmer,
Burmese): one to three characters.

Chosen on held-out pieces of training rows with a linear SVM, accuracy in per cent. Chinese (reviews, news
titles): characters and pairs 91.5, 84.2; words 89.8, 81.0; words and word pairs 91.4, 80.6; words and
characters 92.1, 84.9. English (film reviews, questions, product reviews): words and pairs 76.2, 87.9, 81.4;
with character 3- to 5-grams added 76.0, 87.2, 80.7, so those are left out.
"""

import re
from itertools import pairwise

import rjieba

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9d"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_SPACED_WORD = re.compile(r"\b\w\w+\b")
_KANA_THERE = re.compile(f"[{_KANA}]")
_RUNS = re.compile(f"([{_HAN}]+)|([{_KANA}{_UNSPACED}]+)")
_RUNS_WITH_KANA = re.compile(f"(?!)()|([{_HAN}{_KANA}{_UNSPACED}]+)")
# Before a word found by rjieba, so that the word and the pair of characters it consists of stay two terms.
_WORD = "\u2063"


def terms(text: str) -> list[str]:
    """Return the terms of a text, in order; none if it has neither words nor characters of a script."""
    text = text.lower()
    if text.isascii():
        return _words(text)
    # Next to kana, Han characters are Japanese, for which rjieba has no words.
    runs = _RUNS_WITH_KANA if _KANA_THERE.search(text) else _RUNS
    found: list[str] = []
    behind = 0
    for run in runs.finditer(text):
        found += _words(text[behind : run.start()])
        if run[1]:
            found += [_WORD + word for word in rjieba.cut(run[1])] + _grams(run[1], 2)
        else:
            found += _grams(run[2], 3)
        behind = run.end()
    return found + _words(text[behind:])


def shown(term: str) -> str:
    """Return a term as a person reads it."""
    return term.removeprefix(_WORD)


def _words(text: str) -> list[str]:
    words = _SPACED_WORD.findall(text)
    return words + [f"{a} {b}" for a, b in pairwise(words)]


def _grams(run: str, longest: int) -> list[str]:
    return [run[i : i + n] for n in range(1, longest + 1) for i in range(len(run) - n + 1)]
