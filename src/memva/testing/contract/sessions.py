"""What a store promises of sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from memva.domain.errors import (
    InvalidValue,
    SessionExists,
    SessionNotFound,
)
from memva.domain.ports import Store
from memva.domain.session import Session
from memva.domain.session_page import SessionQuery
from memva.testing.clock import START
from memva.testing.samples import sample_session


def all_sessions(store: Store) -> list[Session]:
    """Return every session, those put away included, the last updated first."""
    return list(store.sessions.find(SessionQuery(archived=None)))


class SessionContract:
    """Adding, getting and changing sessions."""

    def test_session_comes_back_equal(self, store: Store) -> None:
        """Every field of a session comes back as it was stored."""
        session = sample_session(
            status="error",
            claude_status="processing",
            metadata={"tags": ["a", "b"], "depth": {"of": None}},
            archived_at=START,
            title_origin="ai-title",
        )
        store.sessions.add(session)
        assert store.sessions.get("session-1") == session

    def test_session_may_be_bare(self, store: Store) -> None:
        """What may be None comes back as None."""
        session = sample_session(title=None, metadata=None, archived_at=None)
        store.sessions.add(session)
        assert store.sessions.get("session-1") == session

    def test_time_is_kept_to_the_microsecond(self, store: Store) -> None:
        """Times come back to the microsecond, in UTC, whatever zone they were given in."""
        there = datetime(2026, 7, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5.5)))
        store.sessions.add(sample_session(created_at=there))
        back = store.sessions.get("session-1").created_at
        assert back == there
        assert back.tzinfo is UTC

    def test_session_id_is_taken_once(self, store: Store) -> None:
        """A second session with an id is refused, and the first stays as it was."""
        store.sessions.add(sample_session(title="first"))
        with pytest.raises(SessionExists) as caught:
            store.sessions.add(sample_session(title="second"))
        assert caught.value.session_id == "session-1"
        assert store.sessions.get("session-1").title == "first"

    @pytest.mark.parametrize("session_id", ["nobody", "", "\x00", "\ud800"])
    def test_unknown_session_is_not_found(self, store: Store, session_id: str) -> None:
        """An id that no session has, or could have, raises a `LookupError` that keeps it."""
        with pytest.raises(SessionNotFound) as caught:
            store.sessions.get(session_id)
        assert caught.value.session_id == session_id
        assert isinstance(caught.value, LookupError)

    def test_update_replaces_session(self, store: Store) -> None:
        """An update stores the session as it is given, and no other."""
        store.sessions.add(sample_session())
        store.sessions.add(sample_session(id="session-2"))
        changed = sample_session(title="New", metadata={"n": 1}, status="completed")
        store.sessions.update(changed)
        assert store.sessions.get("session-1") == changed
        assert store.sessions.get("session-2") == sample_session(id="session-2")

    def test_update_of_unknown_session_is_refused(self, store: Store) -> None:
        """An update never creates."""
        with pytest.raises(SessionNotFound):
            store.sessions.update(sample_session())
        assert all_sessions(store) == []

    def test_metadata_belongs_to_its_caller(self, store: Store) -> None:
        """A caller who changes what it was given, or gave, changes nothing stored."""
        given: dict[str, Any] = {"tags": ["a"]}
        store.sessions.add(sample_session(metadata=given))
        given["tags"].append("b")
        got = cast("dict[str, Any]", store.sessions.get("session-1").metadata)
        got["tags"].append("c")
        assert store.sessions.get("session-1").metadata == {"tags": ["a"]}

    def test_metadata_must_be_json(self, store: Store) -> None:
        """What JSON cannot say is refused by name, and nothing is stored."""
        for bad in ({"x": {1, 2}}, {"x": float("nan")}, {"x": b"bytes"}):
            with pytest.raises(InvalidValue) as caught:
                store.sessions.add(sample_session(metadata=bad))
            assert caught.value.field == "metadata"
        assert all_sessions(store) == []
        store.sessions.add(sample_session())
        with pytest.raises(InvalidValue):
            store.sessions.update(sample_session(metadata={"x": object()}))
        assert store.sessions.get("session-1").metadata is None
