"""What a person types to search, and what it finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memva.domain.search_query import (
    MOST_WORDS,
    SearchQuery,
    SearchTerm,
    matches,
    parse_query,
    relevance,
)
from memva.domain.word_rules import words

TYPED = st.text(st.one_of(st.sampled_from('ab "*“”.-()\x00\ud800'), st.characters()))


def term(text: str, *, prefix: bool = False) -> SearchTerm:
    return SearchTerm(tuple(text.split()), prefix)


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", []),
        (' " * "" -- "*', []),
        ("Fix the login", [term("fix"), term("the"), term("login")]),
        ("login.py login.PY", [term("login py")]),
        ('"fix the" login', [term("fix the"), term("login")]),
        ("“fix the” «login it»", [term("fix the"), term("login it")]),
        ('"fix the', [term("fix the")]),
        ('fix"the login"now', [term("fix"), term("the login"), term("now")]),
        ("log*", [term("log", prefix=True)]),
        ('"fix log"* "fix log*"', [term("fix log", prefix=True)]),
        ("(src/log*)", [term("src log", prefix=True)]),
        ("log*in log * cafe\u0301*", [term("log in"), term("log"), term("cafe", prefix=True)]),
        ('log "in"', [term("log"), term("in")]),
        ("NOT a:b AND -c NEAR(d)", [term(t) for t in ("not", "a b", "and", "c", "near d")]),
        ("東京", [term("東 京")]),
    ],
)
def test_parse_query(typed: str, terms: list[SearchTerm]) -> None:
    assert parse_query(typed) == SearchQuery(tuple(terms))


@given(TYPED)
def test_every_text_is_a_query(typed: str) -> None:
    for found in parse_query(typed).terms:
        assert found.words
        assert words(" ".join(found.words)) == list(found.words)


@given(TYPED)
def test_text_is_found_by_itself(typed: str) -> None:
    assert matches(parse_query(typed), words(typed)) == bool(words(typed))


def test_query_holds_so_many_words() -> None:
    many = " ".join(f"w{number}" for number in range(MOST_WORDS + 9))
    assert sum(len(found.words) for found in parse_query(many).terms) == MOST_WORDS
    (phrase,) = parse_query(f'"{many}*"').terms
    assert (len(phrase.words), phrase.prefix) == (MOST_WORDS, False)


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("login", "Fix login.py", True),
        ("login.py", "Fix login.py", True),
        ("login.py", "py login", False),
        ("py login", "Fix login.py", True),
        ("login gone", "Fix login.py", False),
        ("log", "Fix login.py", False),
        ("log*", "Fix login.py", True),
        ("login*", "Fix login.py", True),
        ("fix.log*", "Fix login.py", True),
        ("fix.py*", "Fix login.py", False),
        ('"a a b"', "a a a b", True),
        ("ELEVE", "Un élève", True),
        ("京都", "東京都へ", True),
        ("東都", "東京都へ", False),
        ("로그인", "로그인을", True),
        ("", "anything", False),
        ("?!", "what?!", False),
    ],
)
def test_matches(typed: str, text: str, found: bool) -> None:
    assert matches(parse_query(typed), words(text)) is found


def test_relevance_counts_how_often_and_how_much_else() -> None:
    query = parse_query("login page")

    def of(text: str) -> float:
        return relevance(query, words(text))

    assert of("login login page x") > of("login page x x") > of("login x x x") > of("x x x x") == 0
    assert of("login page") > of("login page" + " x" * 50)
    assert relevance(SearchQuery(), ["login"]) == 0
