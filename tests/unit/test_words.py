"""What a word is."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memva.domain.word_rules import LONGEST_WORD, placed_words, words

# Text of any characters, lone surrogates and NUL among them, and often of those that fold oddly.
ODD = (
    'aZ9 _.*"\x00\ud800éE\u0301ßﬁİ\u0131ς½①漢か\u3099がｶﾞ각\u1100\u1161ㅋ'
    "ก\u0e34ำ\u200b\u200d\u00ad❤\ufe0fक्षि"
)
TEXTS = st.text(st.one_of(st.sampled_from(ODD), st.characters()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("?! — ❤\ufe0f │ 👩\u200d💻", []),
        ("Fix login.py, please", ["fix", "login", "py", "please"]),
        ("user_name user-name userName", ["user", "name", "user", "name", "username"]),
        ("GitHub utf8 v2.1", ["github", "utf8", "v2", "1"]),
        ("naïve NAI\u0308VE", ["naive", "naive"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("ΣΟΦΟΣ σοφός", ["σοφοσ", "σοφοσ"]),
        ("İstanbul ﬁne \uff57\uff49de x²", ["istanbul", "fine", "wide", "x2"]),
        ("2½ ¼", ["2", "1", "2", "1", "4"]),
        ("soft\u00adware zero\u200bwidth", ["software", "zero", "width"]),
        ("a\x00b\ud800c", ["a", "b", "c"]),
        ("שָׁלוֹם", ["שלום"]),
        ("हिन्दी", ["हिन्दी"]),
        ("東京へlogin", ["東", "京", "へ", "login"]),
        ("か か\u3099 が", ["か", "か\u3099", "か\u3099"]),
        ("ｶﾞ", ["カ\u3099"]),
        ("각 ㅋㅋ", ["\u1100\u1161\u11a8", "\u110f", "\u110f"]),
        ("กิน", ["กิ", "น"]),
        ("ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("x" * 70, ["x" * LONGEST_WORD, "x" * 6]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(TEXTS)
def test_words_are_words_of_their_own(text: str) -> None:
    found = words(text)
    assert all(word and len(word) <= LONGEST_WORD for word in found)
    assert words(" ".join(found)) == found
    # What an index parts at spaces alone, and keeps as it is, needs nothing else of ASCII.
    assert all(c.islower() or c.isdigit() for word in found for c in word if c.isascii())


@given(TEXTS)
def test_places_are_those_of_the_words(text: str) -> None:
    placed = list(placed_words(text))
    assert [word.word for word in placed] == words(text)
    for word in placed:
        assert 0 <= word.start < word.end <= len(text)
        assert word.word in words(text[word.start : word.end])
    for before, after in pairwise(placed):
        # One character may hold several words, or the end of one and the beginning of the next.
        assert before.start <= after.start
        assert before.end <= after.end


def test_place_holds_the_accents() -> None:
    text = "(cafe\u0301) ﬁn"
    assert [text[word.start : word.end] for word in placed_words(text)] == ["cafe\u0301", "ﬁn"]


def test_every_character_is_its_own_words() -> None:
    # A few hundred characters at a time: a store that reads the words back finds the same ones.
    for start in range(0, sys.maxunicode, 256):
        found = words(" ".join(map(chr, range(start, start + 256))))
        assert words(" ".join(found)) == found
