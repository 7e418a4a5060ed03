"""What a store promises of deleting sessions."""

from __future__ import annotations

import pytest

from memva.domain.errors import EventNotFound, JobNotFound, SessionNotFound
from memva.domain.ports import Store
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.events import stored
from memva.testing.samples import sample_event, sample_job, sample_session


class DeletionContract:
    """Deleting sessions, and remembering it."""

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

    def test_deletion_is_remembered(self, store: Store) -> None:
        """Sessions of Claude Code's that lose events are remembered, and the session's own id."""
        for session_id in ("session-1", "session-2"):
            store.sessions.add(sample_session(id=session_id))
        for uuid, session_id, associated in [
            ("a", "claude-1", "session-1"),
            ("b", "claude-2", "session-1"),
            ("c", "claude-2", "session-2"),
            ("d", "claude-3", "session-2"),
            ("e", "claude-4", None),
        ]:
            event = sample_event(uuid=uuid, session_id=session_id, memva_session_id=associated)
            store.events.append([event])
        store.sessions.delete("session-1")
        names = ["session-1", "claude-1", "claude-2", "claude-3", "claude-4", "session-2"]
        assert [name for name in names if store.sessions.is_deleted(name)] == names[:3]
        assert [event.uuid for event in stored(store)] == ["c", "d", "e"]

    def test_conversation_that_moved_is_not_deleted_with_its_old_session(
        self, store: Store
    ) -> None:
        """A session's own id is not remembered where another session has those events."""
        for session_id in ("claude-1", "moved-to"):
            store.sessions.add(sample_session(id=session_id))
        store.events.append([sample_event(memva_session_id="claude-1")])
        store.events.associate(["event-1"], "moved-to")
        store.sessions.delete("claude-1")
        assert not store.sessions.is_deleted("claude-1")
        store.sessions.delete("moved-to")
        assert store.sessions.is_deleted("claude-1")

    def test_own_id_is_remembered_beside_events_of_no_session(self, store: Store) -> None:
        """Events that are associated with no session do not keep its id from being remembered."""
        store.sessions.add(sample_session(id="claude-1"))
        store.events.append([sample_event()])
        store.sessions.delete("claude-1")
        assert store.sessions.is_deleted("claude-1")
        assert len(stored(store)) == 1

    @pytest.mark.parametrize("name", ["nobody", "", "\x00", "\ud800"])
    def test_nobody_is_not_deleted(self, store: Store, name: str) -> None:
        """What was never deleted, or could not be, is not; and to forget it is no error."""
        assert not store.sessions.is_deleted(name)
        store.sessions.forget_deletion(name)
        assert not store.sessions.is_deleted(name)

    def test_deletion_is_forgotten_when_told(self, store: Store) -> None:
        """Forgetting is for one name, and a later deletion is remembered again."""
        for name in ("one", "two", "one"):
            store.sessions.add(sample_session(id=name))
            store.sessions.delete(name)
            if name == "two":
                store.sessions.forget_deletion("one")
                assert not store.sessions.is_deleted("one")
        assert store.sessions.is_deleted("one")
        assert store.sessions.is_deleted("two")

    def test_deletion_may_be_told(self, store: Store) -> None:
        """What another store remembers as deleted is remembered here, and nothing is deleted."""
        store.sessions.add(sample_session())
        store.events.append([sample_event(memva_session_id="session-1")])
        for name in ("session-1", "claude-1", "elsewhere", "claude-1"):
            store.sessions.remember_deletion(name)
            assert store.sessions.is_deleted(name)
        assert store.sessions.get("session-1") == sample_session()
        assert len(stored(store)) == 1
        store.sessions.forget_deletion("claude-1")
        assert not store.sessions.is_deleted("claude-1")

    def test_deletions_are_listed(self, store: Store) -> None:
        """All that is remembered as deleted comes by name, page by page."""
        assert store.sessions.deletions(limit=9) == []
        store.sessions.add(sample_session(id="b"))
        store.sessions.delete("b")
        for name in ("\uffff", "\U00010000", "a", "Z", "gone"):
            store.sessions.remember_deletion(name)
        store.sessions.forget_deletion("gone")
        expected = ["Z", "a", "b", "\uffff", "\U00010000"]
        assert store.sessions.deletions(limit=2**70) == expected
        assert store.sessions.deletions(limit=2) == expected[:2]
        assert store.sessions.deletions(after="a", limit=2) == expected[2:4]
        assert store.sessions.deletions(after="\U00010000", limit=9) == []

    def test_deletion_that_is_undone_is_not_remembered(self, store: Store) -> None:
        """What is remembered takes effect with the transaction that it stands in."""
        store.sessions.add(sample_session())
        with pytest.raises(KeyError), store.transaction():
            store.sessions.delete("session-1")
            assert store.sessions.is_deleted("session-1")
            raise KeyError
        assert not store.sessions.is_deleted("session-1")
        store.sessions.delete("session-1")
        with pytest.raises(KeyError), store.transaction():
            store.sessions.forget_deletion("session-1")
            raise KeyError
        assert store.sessions.is_deleted("session-1")
        with pytest.raises(KeyError), store.transaction():
            store.sessions.remember_deletion("told")
            raise KeyError
        assert not store.sessions.is_deleted("told")

    def test_what_is_added_later_does_not_undo_it(self, store: Store) -> None:
        """A deleted session may be added again, and recorded in; it is remembered still."""
        for _ in range(2):
            store.sessions.add(sample_session())
            store.events.append([sample_event(memva_session_id="session-1")])
            assert len(stored(store)) == 1
            store.sessions.delete("session-1")
        store.sessions.add(sample_session())
        store.events.append([sample_event(memva_session_id="session-1")])
        assert store.sessions.is_deleted("session-1")
        assert store.sessions.is_deleted("claude-1")
