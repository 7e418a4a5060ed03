"""A server that is away or full: what was under way is refused or waits, and then it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
from tests.postgres import Server
from tests.worker.processes import patiently
from tests.worker.working import until

from memva import (
    Job,
    StoreUnavailable,
    complete_job,
    create_job,
    follow_events,
    get_next_job,
    wait_for_job,
)
from memva.adapters.postgres import PostgresStore, pool
from memva.adapters.postgres.connection import Connection
from memva.domain import SessionQuery
from memva.testing import sample_event, sample_job, sample_session

LONG = 30.0
IMPATIENT = 0.2


@pytest.fixture
def url(restarted_server: Server) -> str:
    return restarted_server.url


@pytest.fixture
def store(url: str, restarted_schema: str) -> Iterator[PostgresStore]:
    with PostgresStore.open(url, schema=restarted_schema) as store:
        yield store


@pytest.fixture
def other(
    url: str, restarted_schema: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresStore]:
    """Give a store that does not wait long for the server."""
    monkeypatch.setattr(pool, "_CONNECT_SECONDS", IMPATIENT)
    with PostgresStore.open(url, schema=restarted_schema, busy_timeout=IMPATIENT) as other:
        yield other


def sessions(store: PostgresStore) -> set[str]:
    return {session.id for session in store.sessions.find(SessionQuery())}


def test_calls_while_the_server_is_away_are_refused(
    restarted_server: Server, url: str, restarted_schema: str, other: PostgresStore
) -> None:
    def in_a_block() -> None:
        with other.transaction():
            other.sessions.add(sample_session(id="in a block"))

    other.sessions.add(sample_session(id="before"))
    calls: list[Callable[[], object]] = [
        lambda: sessions(other),
        lambda: other.sessions.add(sample_session(id="while away")),
        lambda: other.jobs.claim(claim_token="t", lease=timedelta(minutes=1), limit=1),
        in_a_block,
    ]
    with restarted_server.away():
        for call in calls:
            with pytest.raises(StoreUnavailable):
                call()
        with pytest.raises(StoreUnavailable):
            PostgresStore.open(url, schema=restarted_schema)
    patiently(lambda: other.sessions.add(sample_session(id="after")))
    assert sessions(other) == {"before", "after"}


def test_idle_connections_that_were_cut_refuse_no_call(
    restarted_server: Server, store: PostgresStore
) -> None:
    meeting = Barrier(4)

    def read() -> None:
        with store.snapshot():
            meeting.wait(LONG)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: read(), range(4)))
    with restarted_server.away():
        pass
    assert sessions(store) == set()


def test_call_waits_for_a_server_that_starts(
    restarted_server: Server, url: str, restarted_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[None] = []
    connect = Connection.connect

    def counted(*args: Any, **kwargs: Any) -> Connection:
        tries.append(None)
        return connect(*args, **kwargs)

    monkeypatch.setattr(pool, "_RECONNECT_SECONDS", 0.05)
    monkeypatch.setattr(Connection, "connect", counted)
    with (
        PostgresStore.open(url, schema=restarted_schema) as store,
        ThreadPoolExecutor(1) as thread,
    ):
        sessions(store)
        with restarted_server.away():
            tries.clear()
            waiting = thread.submit(sessions, store)
            # Pauses that double would take minutes for as many.
            until(lambda: len(tries) > 20)
        assert waiting.result(LONG) == set()


def test_transaction_across_a_restart_leaves_nothing(
    restarted_server: Server, store: PostgresStore
) -> None:
    with pytest.raises(StoreUnavailable), store.transaction():
        store.sessions.add(sample_session(id="first"))
        with restarted_server.away():
            pass
        store.sessions.add(sample_session(id="second"))
    with store.transaction():
        assert sessions(store) == set()
        store.sessions.add(sample_session(id="next"))
    assert sessions(store) == {"next"}


def test_reserved_thread_goes_on(restarted_server: Server, store: PostgresStore) -> None:
    with store.reserved():
        store.sessions.add(sample_session(id="before"))
        with restarted_server.away():
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    store.sessions.add(sample_session(id="while away"))
        store.sessions.add(sample_session(id="after"))
        assert sessions(store) == {"before", "after"}


def test_watch_goes_on(
    restarted_server: Server, store: PostgresStore, other: PostgresStore
) -> None:
    with store.watch() as watch:
        with restarted_server.away():
            # It tells that something may have been missed.
            assert watch.wait(LONG)
        while watch.wait(0.2):
            pass
        patiently(lambda: other.jobs.add([sample_job()]))
        assert watch.wait(LONG)


def test_follower_goes_on_and_misses_nothing(
    restarted_server: Server, store: PostgresStore, other: PostgresStore
) -> None:
    followed = []

    def follow() -> None:
        for event in follow_events(store, after=0):
            followed.append((event.position, event.uuid))
            if event.uuid == "last":
                break

    def append(uuid: str) -> None:
        patiently(lambda: other.events.append([sample_event(uuid=uuid)]))

    uuids = [f"{number}" for number in range(30)] + ["last"]
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(follow)
        for number, uuid in enumerate(uuids):
            if number % 10 == 5:
                until(lambda: followed)
                with restarted_server.away(), pytest.raises(StoreUnavailable):
                    other.events.append([sample_event(uuid=uuid)])
            append(uuid)
        following.result(LONG)
    assert [uuid for _, uuid in followed] == uuids
    assert followed == sorted(followed)


def test_who_waits_for_a_job_waits_on(
    restarted_server: Server,
    store: PostgresStore,
    other: PostgresStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[str] = []
    get = type(store.jobs).get

    def counted(jobs: Any, job_id: str) -> Job:
        looks.append(job_id)
        return get(jobs, job_id)

    job_id = create_job(store, type="work").id
    monkeypatch.setattr(type(store.jobs), "get", counted)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(wait_for_job, store, job_id, timeout=LONG)
        until(lambda: looks)
        with restarted_server.away(), pytest.raises(StoreUnavailable):
            get(other.jobs, job_id)
        job = patiently(lambda: get_next_job(other))
        assert job is not None
        complete_job(other, job, "done")
        assert waiting.result(LONG).result == "done"


def test_server_without_room_says_so(restarted_server: Server, other: PostgresStore) -> None:
    done = Event()

    def hold() -> None:
        with other.snapshot():
            done.wait(LONG)

    with (
        psycopg.connect(restarted_server.url, autocommit=True) as owner,
        ThreadPoolExecutor(3) as threads,
    ):
        owner.execute("ALTER DATABASE memva CONNECTION LIMIT 3")
        try:
            holding = [threads.submit(hold) for _ in range(3)]
            [refused], _ = wait(holding, LONG, return_when=FIRST_EXCEPTION)
        finally:
            done.set()
            owner.execute("ALTER DATABASE memva CONNECTION LIMIT -1")
        with pytest.raises(StoreUnavailable, match="too many connections"):
            refused.result()
    assert sessions(other) == set()
