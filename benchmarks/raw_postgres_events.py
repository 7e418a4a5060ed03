"""The floor of events on PostgreSQL: the least that a host could write itself, in plain psycopg.

It writes the rows that memva would write, on memva's own tables and indexes, and nothing around
them. As memva's, its positions rise with each commit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from benchmarks import raw
from benchmarks.schemas import RawConnection

_LOCK: Final = "SELECT pg_advisory_xact_lock(1)"
_TAKE_POSITIONS: Final = """
    SELECT setval('event_positions', nextval('event_positions') + %s::bigint - 1)
"""
_COLUMNS: Final = f"{raw.COLUMNS}, position"
_COPY: Final = f"COPY events ({_COLUMNS}) FROM STDIN".encode()
_INSERT: Final = (
    f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join(['%s'] * len(_COLUMNS.split(',')))})"
).encode()
_TELL: Final = f"""
    INSERT INTO responses VALUES ({", ".join(["%s"] * 17)})
    ON CONFLICT (memva_session_id, session_id, response_id, project_key, subpath) DO UPDATE SET
        input_tokens = greatest(responses.input_tokens, excluded.input_tokens),
        output_tokens = greatest(responses.output_tokens, excluded.output_tokens),
        cache_creation_tokens =
            greatest(responses.cache_creation_tokens, excluded.cache_creation_tokens),
        cache_read_tokens = greatest(responses.cache_read_tokens, excluded.cache_read_tokens),
        positions = responses.positions || excluded.positions
""".encode()

_Rows: TypeAlias = Sequence[Sequence[object]]
Append: TypeAlias = Callable[[RawConnection, Sequence[raw.RawEvent]], None]


def append_by_copy(connection: RawConnection, events: Sequence[raw.RawEvent]) -> None:
    """Append events in one transaction, by COPY."""
    _append(connection, events, _copy)


def append_by_pipeline(connection: RawConnection, events: Sequence[raw.RawEvent]) -> None:
    """Append events in one transaction, by inserts that do not wait for each other's answer."""
    _append(connection, events, _insert)


def _append(
    connection: RawConnection,
    events: Sequence[raw.RawEvent],
    write: Callable[[RawConnection, _Rows], None],
) -> None:
    with connection.transaction():
        connection.execute(_LOCK)
        [(last,)] = connection.execute(_TAKE_POSITIONS, (len(events),)).fetchall()
        first = last - len(events) + 1
        rows: _Rows = [
            (*event.before, json.dumps(event.data), *event.after, position)
            for position, event in enumerate(events, start=first)
        ]
        write(connection, rows)
        told: list[Any] = [
            (*event.told, [position])
            for position, event in enumerate(events, start=first)
            if event.told is not None
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_TELL, told)


def _copy(connection: RawConnection, rows: _Rows) -> None:
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


def _insert(connection: RawConnection, rows: _Rows) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, rows)
