"""What the services for sessions and events promise on any store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import attrs
import pytest

from memva.domain.errors import (
    InvalidValue,
    SessionNotFound,
)
from memva.domain.ports import Store
from memva.services.events import (
    associate_events_with_session,
    get_events_for_claude_session,
    get_events_for_session,
    record_event,
    record_events,
)
from memva.services.jobs import create_job, list_jobs
from memva.services.sessions import (
    archive_session,
    create_session,
    delete_session,
    get_session,
    list_sessions,
    update_session,
)
from memva.testing.clock import START
from memva.testing.contract.events import lines, stored
from memva.testing.samples import sample_session

LATER = START + timedelta(minutes=1)


class ServiceContract:
    """Sessions and events as a host uses them."""

    def test_session_from_creation_to_deletion(self, store: Store) -> None:
        """A session is created, listed, changed, archived and deleted."""
        session = create_session(store, project_path="/code/app", title="Fix", now=START)
        assert get_session(store, session.id) == session
        assert list(list_sessions(store)) == [session]
        changed = update_session(store, session.id, status="completed", now=LATER)
        assert changed == attrs.evolve(session, status="completed", updated_at=LATER)
        archived = archive_session(store, session.id, now=LATER)
        assert archived.archived_at == LATER
        assert archive_session(store, session.id) == archived
        assert list(list_sessions(store)) == []
        assert list(list_sessions(store, archived=True)) == [archived]
        delete_session(store, session.id)
        assert list(list_sessions(store, archived=None)) == []

    def test_update_changes_the_named_fields_only(self, store: Store) -> None:
        """None is a value for a title; what is not named stays, and so does the moment."""
        session = create_session(
            store, project_path="/code", title="Old", metadata={"a": 1}, now=START
        )
        assert update_session(store, session.id, now=LATER) == session
        untitled = update_session(store, session.id, title=None, now=LATER)
        assert (untitled.title, untitled.metadata) == (None, {"a": 1})
        replaced = update_session(store, session.id, metadata={"b": 2}, now=LATER)
        assert replaced.metadata == {"b": 2}
        assert get_session(store, session.id) == replaced

    def test_title_that_the_host_gives_is_the_hosts(self, store: Store) -> None:
        """A title that is given, be it the same, is the host's; other changes leave its origin."""
        store.sessions.add(sample_session(title="Fix", title_origin="prompt"))
        assert update_session(store, "session-1", status="completed").title_origin == "prompt"
        assert update_session(store, "session-1", title="Fix").title_origin == "host"
        assert get_session(store, "session-1").title_origin == "host"

    def test_two_updates_at_once_both_stay(self, store: Store) -> None:
        """Callers who change different fields of one session at once both keep their change."""
        session = create_session(store, project_path="/code")
        with ThreadPoolExecutor(2) as threads:
            for number in range(20):
                futures = [
                    threads.submit(update_session, store, session.id, title=f"t{number}"),
                    threads.submit(update_session, store, session.id, project_path=f"/{number}"),
                ]
                for future in futures:
                    future.result()
                both = get_session(store, session.id)
                assert (both.title, both.project_path) == (f"t{number}", f"/{number}")

    def test_plain_text_is_cleaned(self, store: Store) -> None:
        """What no store can hold in plain text becomes U+FFFD; in data it stays."""
        bad = "a\x00b\ud800"
        session = create_session(store, project_path=bad, title=bad)
        assert get_session(store, session.id).title == "a\ufffdb\ufffd"
        event = record_event(store, session_id="c", event_type="user", data={"t": bad}, cwd=bad)
        assert store.events.get(event.key).cwd == "a\ufffdb\ufffd"
        assert store.events.get(event.key).data == {"t": bad}

    @pytest.mark.parametrize("limit", [0, -1, 2**63])
    def test_limits_are_checked(self, store: Store, limit: int) -> None:
        """A limit that no list can keep is refused by name."""
        for call in (list_sessions, list_jobs):
            with pytest.raises(InvalidValue) as caught:
                call(store, limit=limit)
            assert caught.value.field == "limit"

    def test_events_of_a_session(self, store: Store) -> None:
        """A session's events come one after the other, in order, however many they are."""
        session = create_session(store, project_path="/code")
        events = lines(450, memva_session_id=session.id)
        assert record_events(store, events).added == 450
        read = list(get_events_for_session(store, session.id))
        assert [event.line for event in read] == list(range(1, 451))
        assert [e.line for e in get_events_for_claude_session(store, "claude-1")] == [
            event.line for event in read
        ]
        assert list(get_events_for_claude_session(store, "unknown")) == []

    def test_events_of_an_unknown_session(self, store: Store) -> None:
        """A session that is not there raises at once, not at the first event."""
        with pytest.raises(SessionNotFound):
            get_events_for_session(store, "nobody")

    def test_recorded_event_is_complete(self, store: Store) -> None:
        """An event recorded with little is given the rest, and recording it again adds nothing."""
        event = record_event(
            store, session_id="c", event_type="user", data={"n": 1}, cwd="/code/app", uuid="u",
            timestamp=START,
        )  # fmt: skip
        assert (event.project_name, event.project_key) == ("app", "-code-app")
        again = record_event(
            store, session_id="c", event_type="user", data={"n": 1}, cwd="/code/app", uuid="u",
            timestamp=START,
        )  # fmt: skip
        assert again == event
        assert len(stored(store)) == 1

    def test_redacted_text_is_never_stored(self, store: Store) -> None:
        """What `redact` takes out of any text of an event is not stored."""

        def redact(text: str) -> str:
            return text.replace("sk-1", "***")

        secret: dict[str, Any] = {"sk-1": ["sk-1", {"deep": "x sk-1 y"}], "n": 1}
        record_event(
            store, session_id="c", event_type="user", data=secret, cwd="/sk-1/app", redact=redact
        )
        [event] = lines(1, data=secret, cwd="/sk-1", project_name="sk-1")
        record_events(store, [event], redact=redact)
        for kept in stored(store):
            assert "sk-1" not in repr(kept)
            assert kept.data == {"***": ["***", {"deep": "x *** y"}], "n": 1}

    def test_association_by_uuid(self, store: Store) -> None:
        """Events recorded before their session are associated with it later."""
        record_events(store, [*lines(2), *lines(2, session_id="claude-2")])
        session = create_session(store, project_path="/code")
        uuids = ["line-1", "line-2"]
        assert associate_events_with_session(store, uuids, session.id, "claude-2") == 2
        assert associate_events_with_session(store, uuids, session.id) == 4
        assert len(list(get_events_for_session(store, session.id))) == 4

    def test_event_and_job_take_effect_together(self, store: Store) -> None:
        """Recording a prompt and enqueuing its job is one unit inside a transaction."""
        with pytest.raises(SessionNotFound), store.transaction():
            record_event(store, session_id="c", event_type="user", data={})
            create_job(store, type="prompt", memva_session_id="nobody")
        assert stored(store) == []
        assert list(list_jobs(store)) == []
