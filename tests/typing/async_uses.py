"""The async face as the type checker sees it: the types of the sync face, awaited.

Each ignored line names the error it must raise, as in `wrong_uses.py`.
"""

from __future__ import annotations

from asyncio import StreamReader
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import assert_type

from claude_agent_sdk import Message, query

from memva import (
    Appended,
    Event,
    ImportReport,
    Job,
    JobPage,
    JsonObject,
    Session,
    SessionPage,
    Store,
    TranscriptSource,
    WatchableStore,
    aio,
)
from memva.claude_sdk import record_messages


async def right(
    store: Store, watchable: WatchableStore, source: TranscriptSource, job: Job, event: Event
) -> None:
    """Use the async face as it is meant."""
    session = assert_type(await aio.create_session(store, project_path="/code"), Session)
    assert_type(await aio.get_session(store=store, session_id=session.id), Session)
    assert_type(await aio.list_sessions(store, limit=5), SessionPage)
    assert_type(await aio.delete_session(store, session.id), None)
    assert_type(await aio.record_events(store, [event]), Appended)
    assert_type(await aio.get_next_job(store, types=["prompt"]), Job | None)
    assert_type(await aio.complete_job(store, job, {"any": "json"}), Job)
    assert_type(await aio.list_jobs(store), JobPage)
    assert_type(await aio.import_transcripts(store, source), ImportReport)
    assert_type(await aio.wait_for_job(watchable, job.id, timeout=1.5), Job)
    events = aio.get_events_for_session(store, session.id, newest_first=True)
    assert_type(events, AsyncGenerator[Event, None])
    assert_type([found async for found in events], list[Event])
    async with aclosing(aio.follow_events(watchable, after=0)) as followed:
        assert_type(await anext(followed), Event)
    messages = record_messages(store, session.id, query(prompt="Hi"))
    assert_type(messages, AsyncGenerator[Message, None])
    streamed = aio.record_stream(store, session.id, StreamReader())
    assert_type([message async for message in streamed], list[JsonObject])
    assert_type(await aio.record_message(store, session.id, {"type": "user"}), Event | None)
    async with aio.transaction(store) as opened, aio.snapshot(store):
        assert_type(opened, None)


async def wrong(store: Store, job: Job) -> None:
    """Use it in ways that it does not allow."""
    await aio.create_session(store, "/code")  # type: ignore[call-arg]  # everything but the store goes by name
    await aio.create_session(store)  # type: ignore[call-arg]  # the path is missing
    await aio.create_session(store, project_path=5)  # type: ignore[arg-type]  # a path is text
    await aio.create_session("memva.db", project_path="/code")  # type: ignore[arg-type]  # a path is no store
    await aio.create_job(store, type="x", priorty=1)  # type: ignore[call-arg]  # no such option
    await aio.update_session(store, "id", status="archived")  # type: ignore[arg-type]  # no such status
    await aio.complete_job(store, job.id)  # type: ignore[arg-type]  # an id carries no claim
    await aio.wait_for_job(store, job.id)  # type: ignore[arg-type]  # it must tell of commits
    aio.get_session(store, "id")  # type: ignore[unused-coroutine]  # not awaited
    for _ in aio.get_events_for_session(store, "id"):  # type: ignore[attr-defined]  # needs `async for`
        pass
    await aio.get_events_for_session(store, "id")  # type: ignore[misc]  # an iterator is not awaited
    with aio.transaction(store):  # type: ignore[attr-defined]  # needs `async with`
        pass
