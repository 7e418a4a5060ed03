"""The part of a text that shows why it was found."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memva.domain.search_query import SearchQuery, SearchTerm, matches, parse_query
from memva.domain.snippets import Snippet, snippet
from memva.domain.word_rules import words

PIECES = st.sampled_from(
    (
        *("login", "LOGIN.py", "log", "É\u0301té", "cafe\u0301", "ﬁne", "Straße", "a b", "½"),
        *("東京都", "か\u3099", "각가", "กิน", "กำ", "❤\ufe0f", "x" * 70),
        *(" ", "\n", "\t", " — ", "\x1b[1m", "\x00", "\ud800"),
    )
)
TEXTS = st.lists(st.one_of(PIECES, st.characters()), max_size=60).map("".join)
QUERIES = st.one_of(
    st.sampled_from(
        [
            "log*",
            "login",
            "login.py",
            "ete cafe",
            "fine",
            "STRASSE",
            "京",
            "東京",
            "が",
            "각",
            "1",
            "a b",
        ]
    ),
    st.text(max_size=6),
).map(parse_query)


def marked(shown: Snippet) -> str:
    text, end = "", 0
    for hit in shown.hits:
        text += f"{shown.text[end : hit.start]}[{shown.text[hit.start : hit.end]}]"
        end = hit.end
    return text + shown.text[end:]


@pytest.mark.parametrize(
    ("text", "typed", "width", "expected"),
    [
        ("Fix the login", "login", 80, "Fix the [login]"),
        ("Fix login.py, the login", "login.py", 80, "Fix [login.py], the login"),
        ("Fix the Login-Page", "log* fix", 80, "[Fix] the [Login]-Page"),
        ("a\n  b\x1b[1m\x00 c", "b", 80, "a [b] [1m\ufffd c"),
        ("Une cafe\u0301 ﬁne, Straße", "café FINE strasse", 80, "Une [cafe\u0301] [ﬁne], [Straße]"),
        ("東京都へ", "京都", 80, "東[京都]へ"),
        ("ガ ｶﾞ", "ガ", 80, "[ガ] [ｶﾞ]"),
        ("aaa bbb ccc", '"aaa bbb" "bbb ccc"', 80, "[aaa bbb ccc]"),
        ("nothing here to be seen", "gone", 12, "nothing…"),
        ("one two three four five six", "four", 14, "…[four] five…"),
        ("one two three four five six", "one", 14, "[one] two…"),
        ("one two three four five six", "six", 14, "…five [six]"),
        ("one x x x x x x x x one two x", "one two", 16, "…x x [one] [two] x"),
        (
            "here is aaaaaaaaaa.bbbbbbbbbb twice",
            "aaaaaaaaaa.bbbbbbbbbb",
            10,
            "…[aaaaaaaaaa.bbbbbbbbbb]…",
        ),
        ("x" * 40, "", 10, "x" * 8 + "…"),
        ("aa bb cc dd ee ff", 'aa "cc dd ee ff"', 10, "[aa] bb cc…"),
        ("a b c d e f g h i j k", '"a b c d e f" b', 8, "…[b] c d…"),
        ("", "x", 10, ""),
    ],
)
def test_snippet(text: str, typed: str, width: int, expected: str) -> None:
    assert marked(snippet(text, parse_query(typed), width=width)) == expected


@given(TEXTS, QUERIES, st.integers(3, 90))
def test_marked_words_are_those_of_a_term(text: str, query: SearchQuery, width: int) -> None:
    shown = snippet(text, query, width=width)
    end = -1
    for hit in shown.hits:
        assert end < hit.start < hit.end <= len(shown.text)
        assert any(_stands_in(term, shown.text[hit.start : hit.end]) for term in query.terms)
        end = hit.end
    longest = max((hit.end - hit.start for hit in shown.hits), default=0)
    assert len(shown.text) <= max(width, longest + 2)
    assert re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", shown.text) is None


@given(TEXTS, QUERIES)
def test_whole_text_shows_every_term_that_it_is_found_by(text: str, query: SearchQuery) -> None:
    shown = snippet(text, query, width=10 * len(text) + 10)
    assert words(shown.text) == words(text)
    hits = [shown.text[hit.start : hit.end] for hit in shown.hits]
    if matches(query, words(text)):
        assert all(any(_stands_in(term, hit) for hit in hits) for term in query.terms)


@given(TEXTS, QUERIES, st.integers(3, 90))
def test_a_hit_is_shown_where_there_is_one(text: str, query: SearchQuery, width: int) -> None:
    if matches(query, words(text)):
        assert snippet(text, query, width=width).hits


def _stands_in(term: SearchTerm, text: str) -> bool:
    return matches(SearchQuery((term,)), words(text))
