"""What a store promises of lists of sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from memva.domain.errors import InvalidValue
from memva.domain.ports import Store
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor, SessionQuery, SessionSort
from memva.services.sessions import list_sessions
from memva.testing.clock import START
from memva.testing.samples import sample_session

EVERY: Final = SessionQuery(archived=None)
TITLES: Final = {
    "a": "fix the login",
    "b": "Fix the LOGIN",
    "c": None,
    "d": "Straße",
    "e": "e\u0301clair",
    "f": "\u00c9CLAIR",
    "g": "",
    "h": None,
    "i": "100% _done_ \\o/ 'x'",
    "j": "\u5bbf\u984c \U0001f680",
    "k": "\uff3aed \ufb01nal",
}
"""Titles by id: equal but for case, equal but for encoding, none, and with what SQL knows."""


def ids(sessions: Any) -> str:
    """Return the ids of sessions, one after the other."""
    return "".join(session.id for session in sessions)


def add_titled(store: Store) -> list[Session]:
    """Store a session for each of `TITLES`, and return them."""
    sessions = [sample_session(id=id_, title=title) for id_, title in TITLES.items()]
    for session in sessions:
        store.sessions.add(session)
    return sessions


def page_by_page(store: Store, query: SessionQuery = EVERY, **order: Any) -> str:
    """Return the ids of all sessions of a query, read one a page."""
    found, after = "", None
    while True:
        page = store.sessions.find(query, after=after, limit=1, **order)
        found += ids(page)
        if page.next is None:
            return found
        assert len(page) == 1
        after = page.next


class SessionPageContract:
    """Narrowing, sorting and paging lists of sessions."""

    def test_sessions_sort_by_last_update(self, store: Store) -> None:
        """The last updated comes first; ties sort by id, the higher first."""
        for id_, minutes in [("a", 1), ("b", 3), ("c", 1), ("d", 2)]:
            store.sessions.add(
                sample_session(id=id_, updated_at=START + timedelta(minutes=minutes))
            )
        assert ids(store.sessions.find(SessionQuery())) == "bdca"
        assert ids(store.sessions.find(SessionQuery(), limit=2)) == "bd"
        assert ids(store.sessions.find(SessionQuery(), ascending=True)) == "acdb"

    def test_sessions_sort_by_creation(self, store: Store) -> None:
        """They may be sorted by when they were created, whatever their updates."""
        for id_, minutes in [("a", 1), ("b", 3), ("c", 1), ("d", 2)]:
            created_at = START + timedelta(minutes=minutes)
            store.sessions.add(sample_session(id=id_, created_at=created_at))
        assert ids(store.sessions.find(EVERY, sort="created_at")) == "bdca"
        assert ids(store.sessions.find(EVERY, sort="created_at", ascending=True)) == "acdb"

    def test_sessions_sort_by_title(self, store: Store) -> None:
        """Titles sort whatever their case; without one comes last in either direction."""
        add_titled(store)
        ascending = ids(store.sessions.find(EVERY, sort="title", ascending=True))
        assert ascending == "giabdefjkch"
        descending = ids(store.sessions.find(EVERY, sort="title"))
        assert descending == "kjfedbaighc"

    def test_archived_sessions_are_left_out(self, store: Store) -> None:
        """Sessions that were put away are left out, or found alone, or with the others."""
        store.sessions.add(sample_session(id="here"))
        store.sessions.add(sample_session(id="away", archived_at=START))
        assert ids(store.sessions.find(SessionQuery())) == "here"
        assert ids(store.sessions.find(SessionQuery(archived=True))) == "away"
        assert len(store.sessions.find(SessionQuery(archived=None))) == 2

    @pytest.mark.parametrize(
        ("narrowing", "found"),
        [
            ({}, "dcba"),
            ({"statuses": ["active"]}, "ca"),
            ({"statuses": {"completed", "error"}}, "db"),
            ({"statuses": []}, ""),
            ({"claude_statuses": ["processing", "error"]}, "cb"),
            ({"project_path": "/code/app"}, "cba"),
            ({"project_path": "/code"}, ""),
            ({"project_path": ""}, "d"),
            ({"statuses": ["active"], "claude_statuses": ["not_started"]}, "a"),
            ({"archived": None, "project_path": "/code/app"}, "ecba"),
        ],
    )
    def test_session_query_narrows(self, store: Store, narrowing: Any, found: str) -> None:
        """What is named narrows, all of it at once; an empty choice finds nothing."""
        for fields in (
            {"id": "a"},
            {"id": "b", "status": "completed", "claude_status": "processing"},
            {"id": "c", "claude_status": "error"},
            {"id": "d", "status": "error", "project_path": ""},
            {"id": "e", "archived_at": START},
        ):
            store.sessions.add(sample_session(**fields))
        assert ids(store.sessions.find(SessionQuery(**narrowing))) == found

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("login", "ba"),
            ("THE LOGIN", "ba"),
            ("stra\u00dfe", "d"),
            ("STRASSE", "d"),
            ("\u00e9clair", "fe"),
            ("E\u0301CLAIR", "fe"),
            ("eclair", ""),
            ("100%", "i"),
            ("_done_ \\O/ 'X", "i"),
            ("%", "i"),
            ("f*", ""),
            ("\U0001f680", "j"),
            ("FINAL", "k"),
            ("\uff5aed", "k"),
            ("", "kjihgfedcba"),
            ("log in", ""),
        ],
    )
    def test_text_is_found_in_titles(self, store: Store, text: str, found: str) -> None:
        """Text is found anywhere in a title, whatever the case; no character is a wildcard."""
        sessions = add_titled(store)
        query = SessionQuery(title=text)
        assert ids(store.sessions.find(query)) == found
        assert ids(s for s in reversed(sessions) if query.matches(s)) == found

    @pytest.mark.parametrize("sort", ["updated_at", "created_at", "title"])
    @pytest.mark.parametrize("ascending", [False, True])
    def test_pages_come_to_the_whole_list(
        self, store: Store, sort: SessionSort, ascending: bool
    ) -> None:
        """Read page by page, any list is as it is read at once, and its last page says so."""
        for number, session in enumerate(add_titled(store)):
            moment = START + timedelta(microseconds=number // 3)
            store.sessions.update(
                sample_session(
                    id=session.id, title=session.title, updated_at=moment, created_at=moment
                )
            )
        whole = store.sessions.find(EVERY, sort=sort, ascending=ascending)
        assert whole.next is None
        assert page_by_page(store, sort=sort, ascending=ascending) == ids(whole)
        exact = store.sessions.find(EVERY, sort=sort, ascending=ascending, limit=len(TITLES))
        assert exact.next is None

    def test_pages_of_a_query(self, store: Store) -> None:
        """What narrows a list narrows each of its pages."""
        add_titled(store)
        assert page_by_page(store, SessionQuery(title="LOGIN")) == "ba"
        assert page_by_page(store, SessionQuery(title="l"), sort="title", ascending=True) == "abefk"

    def test_cursor_stays_good_while_sessions_change(self, store: Store) -> None:
        """A cursor marks a place: sessions that come, go and move make none of the others lost."""
        for number, id_ in enumerate("abcdef"):
            moment = START + timedelta(minutes=number)
            store.sessions.add(sample_session(id=id_, updated_at=moment))
        page = store.sessions.find(EVERY, limit=3)
        assert ids(page) == "fed"
        later = START + timedelta(hours=1)
        store.sessions.add(sample_session(id="g", updated_at=later))
        store.sessions.update(sample_session(id="d", updated_at=later))
        store.sessions.delete("e")
        store.sessions.delete("b")
        assert ids(store.sessions.find(EVERY, after=page.next)) == "ca"

    def test_largest_limit_gives_all_sessions(self, store: Store) -> None:
        """A limit as large as limits may be narrows nothing."""
        store.sessions.add(sample_session())
        page = list_sessions(store, limit=2**63 - 1)
        assert (len(page), page.next) == (1, None)

    def test_empty_list(self, store: Store) -> None:
        """Where there is nothing, a page is empty and the last."""
        page = list_sessions(store, limit=1)
        assert (list(page), len(page), page.next) == ([], 0, None)
        beyond = SessionCursor(None, "a")
        assert ids(store.sessions.find(EVERY, sort="title", after=beyond)) == ""

    def test_host_lists_what_it_names(self, store: Store) -> None:
        """The service takes one status or several, and cleans text as it cleans titles."""
        store.sessions.add(sample_session(id="a", title="x\ufffdy", status="error"))
        store.sessions.add(sample_session(id="b", claude_status="processing"))
        assert ids(list_sessions(store, status="error")) == "a"
        assert ids(list_sessions(store, status=["error", "active"])) == "ba"
        assert ids(list_sessions(store, claude_status="processing")) == "b"
        assert ids(list_sessions(store, claude_status={"processing"}, status="error")) == ""
        assert ids(list_sessions(store, title="X\x00Y")) == "a"
        assert ids(list_sessions(store, sort="title", ascending=True)) == "ba"
        first = list_sessions(store, limit=1)
        assert ids(list_sessions(store, after=first.next, limit=1)) == "a"

    @pytest.mark.parametrize(
        ("argument", "value"),
        [
            ("status", "archived"),
            ("status", ["active", "done"]),
            ("claude_status", "active"),
            ("sort", "id"),
            ("sort", "updated_at DESC; --"),
            ("archived", "yes"),
        ],
    )
    def test_unknown_values_are_refused(self, store: Store, argument: str, value: Any) -> None:
        """A status or an order that does not exist is refused by name."""
        with pytest.raises(InvalidValue) as caught:
            list_sessions(store, **{argument: value})
        assert caught.value.field == argument
