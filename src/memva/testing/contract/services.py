"""What the services promise on any store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import attrs
import pytest

from memva.domain.errors import (
    IllegalTransition,
    InvalidValue,
    JobNotFound,
    LeaseLost,
    SessionNotFound,
)
from memva.domain.job import DEFAULT_LEASE, Job
from memva.domain.ports import Store
from memva.services.events import (
    associate_events_with_session,
    get_events_for_claude_session,
    get_events_for_session,
    record_event,
    record_events,
)
from memva.services.jobs import (
    cancel_job,
    complete_job,
    create_job,
    fail_job,
    get_job,
    get_next_job,
    list_jobs,
    update_job_status,
)
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

LATER = START + timedelta(minutes=1)


def claimed(store: Store) -> Job:
    """Create a job and claim it."""
    create_job(store, type="prompt", id="job-1", now=START)
    job = get_next_job(store, now=START)
    assert job is not None
    return job


class ServiceContract:
    """Sessions, events and jobs as a host uses them."""

    def test_session_from_creation_to_deletion(self, store: Store) -> None:
        """A session is created, listed, changed, archived and deleted."""
        session = create_session(store, project_path="/code/app", title="Fix", now=START)
        assert get_session(store, session.id) == session
        assert list_sessions(store) == [session]
        changed = update_session(store, session.id, status="completed", now=LATER)
        assert changed == attrs.evolve(session, status="completed", updated_at=LATER)
        archived = archive_session(store, session.id, now=LATER)
        assert archived.archived_at == LATER
        assert archive_session(store, session.id) == archived
        assert list_sessions(store) == []
        assert list_sessions(store, include_archived=True) == [archived]
        delete_session(store, session.id)
        assert list_sessions(store, include_archived=True) == []

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
        job = claimed(store)
        assert fail_job(store, job, bad).error == "a\ufffdb\ufffd"

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

    def test_job_from_creation_to_completion(self, store: Store) -> None:
        """A job is created, claimed and completed with its result."""
        job = create_job(store, type="prompt", data={"say": "hi"}, now=START)
        held = get_next_job(store, types=["prompt"], worker_id="w", now=START)
        assert held is not None
        assert (held.id, held.lease_until) == (job.id, START + DEFAULT_LEASE)
        done = complete_job(store, held, {"said": "hi"}, now=LATER)
        assert done.status == "completed"
        assert done.completed_at == LATER
        assert get_job(store, job.id) == done
        assert list_jobs(store, status="completed") == [done]
        assert get_next_job(store, now=LATER) is None

    def test_each_claim_has_its_own_token(self, store: Store) -> None:
        """No two claims share a token."""
        first = claimed(store)
        update_job_status(store, first, "pending", now=START)
        second = get_next_job(store, now=START)
        assert second is not None
        assert second.claim_token != first.claim_token

    def test_moment_of_a_claim_knows_its_zone(self, store: Store) -> None:
        """A moment without a time zone is refused, whether or not there is a job."""
        with pytest.raises(InvalidValue) as caught:
            get_next_job(store, now=START.replace(tzinfo=None))
        assert caught.value.field == "now"

    def test_handing_back_is_not_charged(self, store: Store) -> None:
        """A job handed back is pending as before; the attempt does not count."""
        held = claimed(store)
        back = update_job_status(store, held, "pending", now=LATER)
        assert (back.status, back.attempts, back.scheduled_at) == ("pending", 0, START)

    def test_stale_claim_changes_nothing(self, store: Store) -> None:
        """Whoever lost a claim cannot end the job, in any way."""
        stale = claimed(store)
        update_job_status(store, stale, "pending", now=START)
        held = get_next_job(store, now=START)
        calls: list[Callable[[], object]] = [
            lambda: complete_job(store, stale, "stale"),
            lambda: fail_job(store, stale, "stale"),
            lambda: update_job_status(store, stale, "completed"),
            lambda: update_job_status(store, stale, "pending"),
        ]
        for call in calls:
            with pytest.raises(LeaseLost):
                call()
        assert get_job(store, "job-1") == held

    def test_job_ends_once(self, store: Store) -> None:
        """A job that has ended does not end again; its holder is told so."""
        held = claimed(store)
        done = complete_job(store, held, now=START)
        calls: list[Callable[[], object]] = [
            lambda: complete_job(store, held),
            lambda: fail_job(store, held, "late"),
            lambda: cancel_job(store, "job-1"),
            lambda: update_job_status(store, "job-1", "failed"),
        ]
        for call in calls:
            with pytest.raises(IllegalTransition) as caught:
                call()
            assert caught.value.status == "completed"
        assert get_job(store, "job-1") == done

    def test_failed_job_is_tried_again_while_attempts_are_left(self, store: Store) -> None:
        """A failure with a time to retry makes the job pending then, until attempts are spent."""
        create_job(store, type="prompt", max_attempts=2, now=START)
        held = get_next_job(store, now=START)
        assert held is not None
        waiting = fail_job(store, held, "first", retry_at=LATER, now=START)
        assert (waiting.status, waiting.error, waiting.claim_token) == ("pending", "first", None)
        assert get_next_job(store, now=START) is None
        again = get_next_job(store, now=LATER)
        assert again is not None
        spent = fail_job(store, again, "second", retry_at=LATER, now=LATER)
        assert (spent.status, spent.error, spent.attempts) == ("failed", "second", 2)

    def test_failure_without_retry_is_for_good(self, store: Store) -> None:
        """A failure without a time to retry ends the job."""
        assert fail_job(store, claimed(store), "broken", now=START).status == "failed"

    def test_waiting_job_is_cancelled_at_once(self, store: Store) -> None:
        """Cancelling a pending job ends it."""
        create_job(store, type="prompt", id="job-1", now=START)
        assert cancel_job(store, "job-1", now=START).status == "cancelled"
        assert get_next_job(store, now=LATER) is None

    def test_running_job_is_asked_to_give_in(self, store: Store) -> None:
        """Cancelling a processing job asks its holder; handed back then, it is cancelled."""
        held = claimed(store)
        asked = cancel_job(store, "job-1", now=START)
        assert (asked.status, asked.cancel_requested_at) == ("processing", START)
        assert cancel_job(store, "job-1", now=LATER) == asked
        assert update_job_status(store, held, "pending", now=LATER).status == "cancelled"

    def test_operator_ends_a_running_job(self, store: Store) -> None:
        """With a bare id only legal moves are made, and a holder loses its claim."""
        held = claimed(store)
        with pytest.raises(IllegalTransition):
            update_job_status(store, "job-1", "processing")
        assert update_job_status(store, "job-1", "failed", error="by hand").status == "failed"
        with pytest.raises(LeaseLost):
            complete_job(store, held)
        with pytest.raises(JobNotFound):
            update_job_status(store, "nobody", "failed")

    def test_lease_must_be_positive(self, store: Store) -> None:
        """A claim for no time at all is refused by name."""
        with pytest.raises(InvalidValue) as caught:
            get_next_job(store, lease=timedelta(0))
        assert caught.value.field == "lease"

    def test_one_text_is_no_collection(self, store: Store) -> None:
        """A single type or uuid, given where several are asked for, is refused by name."""
        with pytest.raises(InvalidValue) as caught:
            get_next_job(store, types="prompt")
        assert caught.value.field == "types"
        with pytest.raises(InvalidValue) as refused:
            associate_events_with_session(store, "uuid", "session-1")
        assert refused.value.field == "uuids"

    def test_event_and_job_take_effect_together(self, store: Store) -> None:
        """Recording a prompt and enqueuing its job is one unit inside a transaction."""
        with pytest.raises(SessionNotFound), store.transaction():
            record_event(store, session_id="c", event_type="user", data={})
            create_job(store, type="prompt", memva_session_id="nobody")
        assert stored(store) == []
        assert list_jobs(store) == []
