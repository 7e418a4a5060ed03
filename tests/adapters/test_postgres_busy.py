"""How long a call on PostgreSQL waits for others and for a connection, and what it says then."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from memva import InvalidValue, StoreBusy
from memva.adapters.postgres import PostgresStore, pool
from memva.domain import SessionQuery
from memva.testing import sample_session

LONG = 30.0


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a slow machine time to open a connection, however short `busy_timeout` is."""
    monkeypatch.setattr(pool, "_CONNECT_SECONDS", LONG)


def test_all_in_use_is_busy(postgres_url: str, postgres_schema: str) -> None:
    with (
        PostgresStore.open(
            postgres_url, schema=postgres_schema, max_connections=1, busy_timeout=0.2
        ) as store,
        ThreadPoolExecutor(1) as other,
        store.snapshot(),
    ):
        reading = other.submit(store.sessions.find, SessionQuery())
        with pytest.raises(StoreBusy, match="all 1 connections were in use"):
            reading.result(LONG)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("busy_timeout", [0, 0.0004, 0.0104, 2_147_483])
def test_busy_timeout_may_be_as_short_or_long_as_can_be(
    postgres_url: str, postgres_schema: str, busy_timeout: float
) -> None:
    with (
        PostgresStore.open(
            postgres_url, schema=postgres_schema, busy_timeout=busy_timeout
        ) as store,
        ThreadPoolExecutor(1) as other,
    ):
        store.sessions.add(sample_session())
        with store.snapshot():
            reading = other.submit(store.sessions.get, "session-1")
            assert reading.result(LONG) == store.sessions.get("session-1")
        with store._transactions.apart() as connection:
            [(limit,)] = connection.rows("SHOW lock_timeout")
    assert limit == {0.0104: "11ms", 2_147_483: "2147483s"}.get(busy_timeout, "1ms")


@pytest.mark.usefixtures("patient")
def test_call_that_is_to_wait_for_nobody_does_not(
    postgres_store: PostgresStore, postgres_url: str
) -> None:
    postgres_store.sessions.add(sample_session())
    with (
        PostgresStore.open(
            postgres_url, schema=postgres_store.schema, max_connections=1, busy_timeout=0
        ) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        with postgres_store.transaction():
            postgres_store.sessions.get("session-1")
            with pytest.raises(StoreBusy):
                other.sessions.update(sample_session(title="new"))
        with other.snapshot(), pytest.raises(StoreBusy, match="all 1 connections"):
            thread.submit(other.sessions.get, "session-1").result(LONG)
        other.sessions.update(sample_session(title="new"))


@pytest.mark.parametrize("busy_timeout", [-1.0, 2_147_484, float("inf"), float("nan")])
def test_busy_timeout_that_cannot_be_is_refused(
    postgres_url: str, postgres_schema: str, busy_timeout: float
) -> None:
    with pytest.raises(InvalidValue, match="busy_timeout"):
        PostgresStore.open(postgres_url, schema=postgres_schema, busy_timeout=busy_timeout)
