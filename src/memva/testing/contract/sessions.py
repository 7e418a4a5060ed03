"""What a store promises of sessions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest

from memva.domain.errors import (
    EventNotFound,
    InvalidValue,
    JobNotFound,
    SessionExists,
    SessionNotFound,
)
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.contract.cursors import sample_cursor
from memva.testing.samples import sample_event, sample_job, sample_session


class SessionContract:
    """Adding, getting, changing, finding and deleting sessions."""

    def test_session_comes_back_equal(self, store: Store) -> None:
        """Every field of a session comes back as it was stored."""
        session = sample_session(
            status="error",
            claude_status="processing",
            metadata={"tags": ["a", "b"], "depth": {"of": None}},
            archived_at=START,
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
        assert store.sessions.find() == []

    def test_sessions_sort_by_last_update(self, store: Store) -> None:
        """The last updated comes first; ties sort by id, the higher first."""
        for id_, minutes in [("a", 1), ("b", 3), ("c", 1), ("d", 2)]:
            store.sessions.add(
                sample_session(id=id_, updated_at=START + timedelta(minutes=minutes))
            )
        assert [session.id for session in store.sessions.find()] == ["b", "d", "c", "a"]
        assert [session.id for session in store.sessions.find(limit=2)] == ["b", "d"]

    def test_archived_sessions_are_left_out(self, store: Store) -> None:
        """A session that was put away is found only when asked for."""
        store.sessions.add(sample_session(id="here"))
        store.sessions.add(sample_session(id="away", archived_at=START))
        assert [session.id for session in store.sessions.find()] == ["here"]
        assert len(store.sessions.find(include_archived=True)) == 2

    def test_delete_takes_all_along(self, store: Store) -> None:
        """Deleting a session deletes its events, its jobs and its cursors, and nothing else."""
        keys = {}
        for id_ in ("gone", "kept"):
            event = sample_event(uuid="same", session_id=id_, memva_session_id=id_)
            keys[id_] = event.key
            store.sessions.add(sample_session(id=id_))
            store.events.append([event])
            store.jobs.add([sample_job(id=id_, memva_session_id=id_)])
            store.cursors.put(
                sample_cursor(source=id_, memva_session_id=id_, transcript=event.transcript)
            )

        store.sessions.delete("gone")

        with pytest.raises(SessionNotFound):
            store.sessions.get("gone")
        with pytest.raises(EventNotFound):
            store.events.get(keys["gone"])
        with pytest.raises(JobNotFound):
            store.jobs.get("gone")
        assert store.cursors.get("gone") is None
        assert store.sessions.get("kept").id == "kept"
        assert store.events.get(keys["kept"]).session_id == "kept"
        assert store.jobs.get("kept").id == "kept"
        assert store.cursors.get("kept") is not None

    def test_delete_takes_cursors_of_shortened_transcripts(self, store: Store) -> None:
        """A transcript that loses events loses its cursor, whatever session the cursor names."""
        store.sessions.add(sample_session(id="imported"))
        store.sessions.add(sample_session(id="associated"))
        event = sample_event(memva_session_id="associated")
        store.events.append([event])
        store.cursors.put(sample_cursor(memva_session_id="imported", transcript=event.transcript))
        store.sessions.delete("associated")
        assert store.cursors.get(sample_cursor().source) is None

    def test_unknown_session_is_not_deleted(self, store: Store) -> None:
        """Deleting what is not there is an error."""
        with pytest.raises(SessionNotFound):
            store.sessions.delete("nobody")

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
        assert store.sessions.find() == []
        store.sessions.add(sample_session())
        with pytest.raises(InvalidValue):
            store.sessions.update(sample_session(metadata={"x": object()}))
        assert store.sessions.get("session-1").metadata is None
