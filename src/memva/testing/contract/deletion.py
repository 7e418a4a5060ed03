"""What a store promises of deleting sessions."""

from __future__ import annotations

import pytest

from memva.domain.errors import EventNotFound, JobNotFound, SessionNotFound
from memva.domain.ports import Store
from memva.testing.contract.cursors import sample_cursor
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
