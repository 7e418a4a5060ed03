"""Whatever has happened in a store, a copy of it tells the same, however often it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.twins import FEW, Place, on_sqlite
from tests.copying.conftest import take_small_steps
from tests.copying.stops import Stopped, after, stop
from tests.copying.stores import SECOND, everything, worked_out
from tests.exporting.histories import texts, values

from memva import (
    FixedRetry,
    MemvaError,
    TranscriptStore,
    cancel_job,
    complete_job,
    copy_store,
    create_job,
    delete_session,
    delete_transcript,
    fail_job,
    get_next_job,
    release_job,
    retry_job,
    snooze_job,
)
from memva.adapters.memory import MemoryStore
from memva.domain import Transcript, TranscriptSummary, clean_text
from memva.testing import sample_event, sample_session
from memva.testing.clock import START
from memva.testing.contract.cursors import sample_cursor

Happening: TypeAlias = Callable[[TranscriptStore], object]
"""Something that happens in a store, unless a rule forbids it there."""

plain = texts.map(clean_text)
names = st.sampled_from(["a", "b", "Z", "\uffff", "\N{ROCKET}"])
moments = st.integers(0, 5).map(lambda n: START + n * SECOND)
objects = st.dictionaries(texts, values, max_size=2)
transcripts = st.builds(
    Transcript, st.sampled_from(["", "-p"]), names, st.sampled_from(["", "subagents/agent-1"])
)


@st.composite
def sessions(draw: st.DrawFn) -> Happening:
    session = sample_session(
        id=draw(names),
        title=draw(st.none() | plain),
        created_at=draw(moments),
        updated_at=draw(moments),
        project_path=draw(plain),
        metadata=draw(st.none() | objects),
        archived_at=draw(st.none() | moments),
    )
    return lambda store: store.sessions.add(session)


@st.composite
def events(draw: st.DrawFn) -> Happening:
    of = draw(transcripts)
    event = sample_event(
        uuid=draw(names),
        session_id=of.session_id,
        project_key=of.project_key,
        subpath=of.subpath,
        line=draw(st.integers(0, 3)),
        event_type=draw(st.sampled_from(["user", "assistant", "odd"])),
        timestamp=draw(moments),
        is_sidechain=draw(st.booleans()),
        parent_uuid=draw(st.none() | names),
        cwd=draw(plain),
        data=draw(objects),
        memva_session_id=draw(st.none() | names),
    )
    return lambda store: store.events.append([event])


@st.composite
def associations(draw: st.DrawFn) -> Happening:
    uuids, session_id = draw(st.sets(names)), draw(names)
    return lambda store: store.events.associate(uuids, session_id)


@st.composite
def jobs(draw: st.DrawFn) -> Happening:
    fields: dict[str, Any] = {
        "id": draw(st.none() | names),
        "type": draw(st.sampled_from(["x", "y"])),
        "data": draw(values),
        "priority": draw(st.integers(-1, 1)),
        "max_attempts": draw(st.integers(1, 3)),
        "scheduled_at": draw(st.none() | moments),
        "memva_session_id": draw(st.none() | names),
        "concurrency_key": draw(st.none() | names),
        "unique_key": draw(st.none() | names),
        "unique_scope": draw(st.sampled_from(["until_claimed", "until_finished"])),
        "timeout": draw(st.none() | st.just(timedelta(microseconds=1))),
        "now": draw(moments),
    }
    return lambda store: create_job(store, **fields)


@st.composite
def runs(draw: st.DrawFn) -> Happening:
    at, checkpoint, error = draw(moments), draw(values), draw(plain)
    ends: dict[str, Callable[[TranscriptStore, Any], object]] = {
        "completed": lambda store, job: complete_job(store, job, checkpoint, now=at),
        "failed": lambda store, job: fail_job(store, job, error, retry=FixedRetry(SECOND), now=at),
        "released": lambda store, job: release_job(store, job, now=at),
        "snoozed": lambda store, job: snooze_job(store, job, until=START + SECOND, now=at),
        "cancelled": lambda store, job: cancel_job(store, job.id, now=at),
        "running": lambda store, job: None,
    }
    end = ends[draw(st.sampled_from(sorted(ends)))]
    token = draw(names)

    def run(store: TranscriptStore) -> None:
        job = get_next_job(store, worker_id="worker", claim_token=token, now=at)
        if job is not None:
            end(store, job)

    return run


@st.composite
def notes(draw: st.DrawFn) -> Happening:
    of, uuid, at = draw(transcripts), draw(names), draw(moments)
    summary = TranscriptSummary(data=draw(objects), up_to_line=draw(st.integers(0, 3)))
    cursor = sample_cursor(source=uuid, transcript=of, memva_session_id=draw(names))
    happenings: list[Happening] = [
        lambda store: store.transcripts.note_appended(of, uuid, at=at),
        lambda store: store.transcripts.keep_summary(of, summary),
        lambda store: store.cursors.put(cursor),
        lambda store: store.sessions.remember_deletion(uuid),
        lambda store: delete_transcript(store, of),
    ]
    return draw(st.sampled_from(happenings))


@st.composite
def moves(draw: st.DrawFn) -> Happening:
    name = draw(names)
    happenings: list[Happening] = [
        lambda store: delete_session(store, name),
        lambda store: cancel_job(store, name, now=START),
        lambda store: retry_job(store, name, now=START),
    ]
    return draw(st.sampled_from(happenings))


histories = st.lists(
    st.one_of(sessions(), events(), events(), associations(), jobs(), runs(), notes(), moves()),
    max_size=25,
)


whatever_happens = given(history=histories, stops=st.lists(st.integers(1, 6), max_size=3))


@whatever_happens
def test_a_copy_of_any_history_tells_what_its_source_tells(
    history: list[Happening], stops: list[int]
) -> None:
    compare(on_sqlite, history, stops)


@settings(max_examples=FEW)
@whatever_happens
def test_a_copy_of_any_history_on_a_server_does(
    on_server: Place, history: list[Happening], stops: list[int]
) -> None:
    compare(on_server, history, stops)


def compare(place: Place, history: list[Happening], stops: list[int]) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        place() as opens,
        MemoryStore() as source,
        opens() as target,
        MemoryStore() as back,
    ):
        take_small_steps(patch.setattr)
        for name in ("a", "b"):
            source.sessions.add(sample_session(id=name))
        for happens in history:
            with suppress(MemvaError):
                happens(source)
        for moments in stops:
            with suppress(Stopped):
                copy_store(source, target, on_progress=after(moments, stop))
        report = copy_store(source, target)
        checksums = [part.checksum for part in report.parts.values()]
        assert [part.checksum for part in copy_store(target, back).parts.values()] == checksums
        expected = everything(source)
        assert everything(target) == expected
        assert everything(back) == expected
        expected = worked_out(source)
        assert worked_out(target) == expected
        assert worked_out(back) == expected
