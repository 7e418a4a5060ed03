"""Text that is too long for an index of PostgreSQL's is refused whole; all other has any length."""

import random
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import psycopg
import pytest

from memva import StoreFull
from memva.adapters.postgres import PostgresStore
from memva.domain import Transcript
from memva.testing import sample_event, sample_job, sample_session
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.transactions import counts

Write: TypeAlias = Callable[[PostgresStore, str], object]


def text(length: int) -> str:
    """Return text that cannot be compressed, as an index would do first."""
    return random.Random(length).randbytes(length).hex()[:length]


def add_session(store: PostgresStore, **fields: Any) -> None:
    store.sessions.add(sample_session(**fields))


def append(store: PostgresStore, **fields: Any) -> None:
    store.events.append([sample_event(**fields)])


def append_both(store: PostgresStore, uuid: str) -> None:
    store.events.append([sample_event(), sample_event(uuid=uuid)])


def add_job(store: PostgresStore, **fields: Any) -> None:
    store.jobs.add([sample_job(id="job-2"), sample_job(**fields)])


def put_cursor(store: PostgresStore, source: str) -> None:
    store.cursors.put(sample_cursor(source=source, memva_session_id="there"))


def response(id_: str) -> dict[str, Any]:
    usage = {"input_tokens": 1, "output_tokens": 2}
    return {"type": "assistant", "message": {"id": id_, "model": "m", "usage": usage}}


LOOKED_UP: Final[dict[str, Write]] = {
    "session": lambda store, long: add_session(store, id=long),
    "event uuid": append_both,
    "session of Claude Code's": lambda store, long: append(store, session_id=long),
    "project key": lambda store, long: append(store, project_key=long),
    "subpath": lambda store, long: append(store, subpath=long, line=1),
    "response": lambda store, long: append(store, event_type="assistant", data=response(long)),
    "job": lambda store, long: add_job(store, id=long),
    "type of a job": lambda store, long: add_job(store, type=long),
    "concurrency key": lambda store, long: add_job(store, concurrency_key=long),
    "unique key": lambda store, long: add_job(store, unique_key=long),
    "source of a cursor": put_cursor,
}
NOT_LOOKED_UP: Final[dict[str, Write]] = {
    "title": lambda store, long: add_session(store, title=long),
    "path of a project": lambda store, long: add_session(store, project_path=long),
    "event type": lambda store, long: append(store, event_type=long),
    "folder": lambda store, long: append(store, cwd=long),
    "what was said": lambda store, long: append(
        store, data={"type": "user", "message": {"role": "user", "content": long}}
    ),
    "last line appended": lambda store, long: store.transcripts.note_appended(
        Transcript("k", "claude-1", ""), long, at=store.now()
    ),
    "error of a job": lambda store, long: add_job(store, error=long),
    "worker": lambda store, long: add_job(store, worker_id=long),
}


@pytest.mark.parametrize("write", LOOKED_UP.values(), ids=LOOKED_UP)
def test_what_is_looked_up_and_too_long_leaves_nothing(
    postgres_store: PostgresStore, write: Write
) -> None:
    store = postgres_store
    store.sessions.add(sample_session(id="there"))
    # PostgreSQL refuses them in two ways.
    for length in (3_000, 10_000):
        with pytest.raises(StoreFull, match="a value is too long: of an id, a key or a") as caught:
            write(store, text(length))
        assert isinstance(caught.value.__cause__, psycopg.Error)
    assert counts(store) == (1, 0, 0, 0)
    with store.transaction():
        with pytest.raises(StoreFull):
            write(store, text(3_000))
        # What is caught inside undoes its own call alone.
        write(store, text(2_000))


@pytest.mark.parametrize("write", NOT_LOOKED_UP.values(), ids=NOT_LOOKED_UP)
def test_what_is_not_looked_up_has_any_length(postgres_store: PostgresStore, write: Write) -> None:
    write(postgres_store, text(100_000))


def test_what_is_too_long_to_be_there_is_not_found(postgres_store: PostgresStore) -> None:
    long = text(100_000)
    assert postgres_store.cursors.get(long) is None
    assert postgres_store.events.claude_sessions(long) == []
    assert postgres_store.events.last_line(Transcript(long, long, long)) == 0
