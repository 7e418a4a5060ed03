"""Positions of every size, as a database has them that has grown."""

import pytest

from memva import get_session_stats
from memva.adapters.postgres import PostgresStore
from memva.testing import sample_session
from memva.testing.contract.count_histories import answer


@pytest.mark.parametrize("largest", [2**15, 2**31, 2**62])
def test_one_append_goes_past_the_end_of_a_shorter_number(
    postgres_store: PostgresStore, largest: int
) -> None:
    store = postgres_store
    with store._transactions.apart() as connection:
        connection.rows("SELECT setval('event_positions', %s)", (largest - 4,))
    store.sessions.add(sample_session())
    store.events.append(
        [
            answer(response=f"r{n}", uuid=f"u{n}", line=n, memva_session_id="session-1")
            for n in range(1, 9)
        ]
    )
    assert store.events.last_position() == largest + 4
    assert get_session_stats(store, "session-1").usage.responses == 8
    store.sessions.delete("session-1")
    assert store.events.last_position() == 0
