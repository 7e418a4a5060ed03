"""The connections of a PostgreSQL store: bounded, healed where they are lost, and its waiting."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any

import psycopg
import pytest
from tests.postgres import url_with

from memva import StoreBusy, StoreUnavailable
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.watch import _Ear
from memva.domain import SessionQuery
from memva.domain.job_change import JobChange
from memva.testing import FrozenClock, sample_event, sample_job, sample_session
from memva.testing.contract.forks import forked

LONG = 30.0


@pytest.fixture
def url(postgres_url: str) -> str:
    """Give the server's URL, by which the connections of a test can be told."""
    return url_with(postgres_url, application_name="tested")


@pytest.fixture
def store(url: str, postgres_schema: str) -> Iterator[PostgresStore]:
    with PostgresStore.open(url, schema=postgres_schema) as store:
        yield store


def ask(url: str, statement: Any, *values: object) -> list[Any]:
    with psycopg.connect(url, autocommit=True, application_name="asks") as connection:
        return connection.execute(statement, values).fetchall()


def connections(url: str) -> int:
    [(count,)] = ask(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tested'")
    return int(count)


def cut(url: str) -> None:
    """End all connections of the test, as a restart of the server would."""
    ask(
        url,
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE application_name = 'tested'",
    )


def until_it_works(store: PostgresStore) -> int:
    """Call until a call succeeds; return how many were refused."""
    for refused in range(20):
        try:
            store.sessions.find(SessionQuery())
        except StoreUnavailable:
            continue
        return refused
    raise AssertionError("it does not heal")


@contextmanager
def held_open(store: PostgresStore) -> Iterator[None]:
    """Have another thread inside a transaction that has written."""
    opened, done = Event(), Event()

    def hold() -> None:
        with store.transaction():
            store.sessions.add(sample_session(id="held"))
            store.events.append([sample_event(uuid="held")])
            opened.set()
            done.wait(LONG)

    with ThreadPoolExecutor(1) as other:
        holding = other.submit(hold)
        opened.wait(LONG)
        try:
            yield
        finally:
            done.set()
            holding.result(LONG)


def test_lost_connections_heal(store: PostgresStore, url: str) -> None:
    store.sessions.add(sample_session())
    cut(url)
    # Of those that were kept the first tells, and none of the others is used.
    assert until_it_works(store) <= 1
    assert store.sessions.get("session-1").id == "session-1"


def test_transaction_whose_connection_is_lost_leaves_nothing(
    store: PostgresStore, url: str
) -> None:
    with pytest.raises(StoreUnavailable), store.transaction():
        store.sessions.add(sample_session())
        cut(url)
        store.sessions.add(sample_session(id="session-2"))
    until_it_works(store)
    assert len(store.sessions.find(SessionQuery())) == 0
    with store.transaction():
        store.sessions.add(sample_session())


def test_commit_whose_connection_is_lost_says_so(store: PostgresStore, url: str) -> None:
    with pytest.raises(StoreUnavailable), store.transaction():
        store.sessions.add(sample_session())
        cut(url)
    until_it_works(store)
    assert len(store.sessions.find(SessionQuery())) == 0


def test_error_inside_that_is_caught_does_not_end_as_a_success(store: PostgresStore) -> None:
    with pytest.raises(StoreUnavailable, match="ended the transaction"), store.transaction():
        store.sessions.add(sample_session())
        with store._transactions.reading() as connection, pytest.raises(Exception, match="divi"):
            connection.rows("SELECT 1 / 0")
    assert len(store.sessions.find(SessionQuery())) == 0


def test_watch_outlives_its_connection(
    store: PostgresStore, url: str, postgres_schema: str
) -> None:
    with store.watch() as watch, PostgresStore.open(url, schema=postgres_schema) as other:
        cut(url)
        until_it_works(other)
        while watch.wait(1.0):
            # Something may have been missed, of which it tells once more than once.
            pass
        other.sessions.add(sample_session())
        assert watch.wait(LONG)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_watch_outlives_its_thread(
    store: PostgresStore, url: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object) -> None:
        raise RuntimeError("nobody foresaw it")

    with store.watch() as watch, PostgresStore.open(url, schema=postgres_schema) as other:
        [listening] = [each for each in enumerate_threads() if each.name == "memva watch"]
        with monkeypatch.context() as broken:
            broken.setattr(_Ear, "_look_or_reconnect", end)
            listening.join(LONG)
        assert watch.wait(0.0)
        while watch.wait(0.0):
            pass
        other.sessions.add(sample_session())
        assert watch.wait(LONG)


if hasattr(os, "fork"):

    def test_watch_in_a_child_ends_though_another_thread_of_the_parent_watched(
        store: PostgresStore,
    ) -> None:
        watching, done = Event(), Event()

        def watch() -> None:
            with store.watch():
                watching.set()
                done.wait(LONG)

        def threads_left() -> int:
            with store.watch() as mine:
                mine.wait(0.0)
            return sum(each.name == "memva watch" for each in enumerate_threads())

        with ThreadPoolExecutor(1) as other, store.watch():
            other.submit(watch)
            watching.wait(LONG)
            # Its own watch, inside which it forks, goes on.
            left = forked(threads_left)()
            done.set()
        assert left == 1
        with ThreadPoolExecutor(1) as other:
            watching.clear()
            done.clear()
            other.submit(watch)
            watching.wait(LONG)
            left = forked(threads_left)()
            done.set()
        assert left == 0


def test_others_are_told_of_every_commit(
    store: PostgresStore, url: str, postgres_schema: str
) -> None:
    with store.watch() as watch, PostgresStore.open(url, schema=postgres_schema) as other:
        other.jobs.add([sample_job()])
        for change in (
            lambda: other.sessions.add(sample_session()),
            lambda: other.events.append([sample_event()]),
            lambda: other.jobs.claim(claim_token="t", lease=timedelta(minutes=1), limit=1),
            lambda: other.jobs.replace(
                [
                    JobChange(
                        other.jobs.get("job-1"),
                        other.jobs.get("job-1").completed(now=other.now()).job,
                    )
                ]
            ),
        ):
            while watch.wait(0.0):
                pass
            change()
            assert watch.wait(LONG)


def test_connections_are_bounded(url: str, postgres_schema: str) -> None:
    with PostgresStore.open(url, schema=postgres_schema, max_connections=3) as store:
        most = []

        def read(_: int) -> None:
            with store.snapshot():
                store.sessions.find(SessionQuery())
                most.append(connections(url))

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(read, range(24)))
        assert max(most) == 3


def test_closed_store_leaves_no_connection(url: str, postgres_schema: str) -> None:
    with PostgresStore.open(url, schema=postgres_schema) as store, store.reserved():
        store.sessions.add(sample_session())
        with store.watch() as watch:
            watch.wait(0.0)
    give_up = time.monotonic() + LONG
    while connections(url) and time.monotonic() < give_up:
        time.sleep(0.02)
    assert connections(url) == 0


def test_hosts_transactions_run_one_after_the_other(
    url: str, store: PostgresStore, postgres_schema: str
) -> None:
    with (
        PostgresStore.open(url, schema=postgres_schema, busy_timeout=0.2) as other,
        held_open(store),
    ):
        with pytest.raises(StoreBusy), other.transaction():
            pass
        # What stands alone does not wait, but for the positions that the transaction has taken.
        other.sessions.add(sample_session())
        other.jobs.add([sample_job(concurrency_key="k")])
        assert other.jobs.claim(claim_token="t", lease=timedelta(minutes=1), limit=1) != []
        with pytest.raises(StoreBusy):
            other.events.append([sample_event()])


def test_claim_passes_over_what_a_transaction_holds(store: PostgresStore) -> None:
    store.jobs.add([sample_job(id="a", concurrency_key="k"), sample_job(id="b")])
    with ThreadPoolExecutor(1) as other, store.transaction():
        for held in ("a", "b"):
            store.jobs.get(held)
        claiming = other.submit(
            store.jobs.claim, claim_token="t", lease=timedelta(minutes=1), limit=9
        )
        assert claiming.result(LONG) == []
    assert len(store.jobs.claim(claim_token="t", lease=timedelta(minutes=1), limit=9)) == 2


def test_clock_is_the_databases(store: PostgresStore, url: str) -> None:
    [(before,)] = ask(url, "SELECT clock_timestamp() - interval '10 milliseconds'")
    moments = [store.now() for _ in range(3)]
    [(after,)] = ask(url, "SELECT clock_timestamp() + interval '10 milliseconds'")
    assert before < moments[0] <= moments[1] <= moments[2] < after
    assert moments[0].tzinfo is UTC


def test_clock_is_asked_once_in_a_while(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    rows = Connection.rows

    def counted(self: Connection, statement: str, *values: Any) -> list[Any]:
        asked.append(statement)
        return rows(self, statement, *values)

    monkeypatch.setattr(Connection, "rows", counted)
    for _ in range(1_000):
        store.now()
    assert len(asked) == 1


def test_style_of_dates_is_its_own(url: str, postgres_schema: str) -> None:
    german = f"{url}&options=-cdatestyle%3DGerman"
    with PostgresStore.open(german, schema=postgres_schema) as store:
        store.sessions.add(sample_session())
        assert store.sessions.get("session-1") == sample_session()
        assert store.now().tzinfo is UTC


def test_clock_may_be_given(url: str, postgres_schema: str) -> None:
    clock = FrozenClock(datetime(2030, 1, 1, tzinfo=UTC))
    with PostgresStore.open(url, schema=postgres_schema, clock=clock) as store:
        assert store.now() == clock()
