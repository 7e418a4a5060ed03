"""Searching in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from heapq import nlargest
from typing import Final, NamedTuple

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.narrowing import narrowing as as_sql
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.postgres.search_index import VERSION, add, arrears, condition, state
from memva.adapters.postgres.sequences import last_position
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.probe_number import probe_number
from memva.domain.errors import StoreBusy, StoreFull, StoreReadOnly
from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.search_page import (
    MOST_RANKED,
    FoundEvents,
    Indexed,
    SearchCursor,
    milliseconds,
)
from memva.domain.search_query import SearchQuery, matches, relevance
from memva.domain.searchable import searchable_text
from memva.domain.word_rules import words

_COLUMNS: Final = ", ".join(f"events.{column}" for column in EVENT_COLUMNS.split(", "))
_FOUND: Final = """
    SELECT {columns} FROM search_entries AS entries JOIN events USING (position)
    WHERE {condition} AND {narrowing}
    ORDER BY entries.milliseconds DESC, entries.position DESC LIMIT %s
"""
_AFTER: Final = "(entries.milliseconds, entries.position) < (%s, %s)"
_SINCE: Final = "entries.milliseconds >= %s"
_UNTIL: Final = "entries.milliseconds <= %s"
_AT_POSITIONS: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE position = ANY(%s::bigint[])"
_NOT_INDEXED: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events WHERE position > %s AND {{narrowing}}
    ORDER BY position LIMIT %s
"""
# Such an index is read in no other way.
_BY_WORDS: Final = "SET LOCAL enable_bitmapscan = on"
_AS_BEFORE: Final = "SET LOCAL enable_bitmapscan = off"

# How many events are indexed before other writers have their turn.
_AT_ONCE: Final = 2_000
_READ_AT_ONCE: Final = 200


class _Found(NamedTuple):
    """An event that was found, and its place."""

    cursor: SearchCursor
    event: Event


class PostgresSearch:
    """Searching a PostgreSQL store, as `memva.domain.abilities.SearchRepository` has it."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def find(
        self,
        query: SearchQuery,
        narrowing: EventQuery,
        /,
        *,
        after: SearchCursor | None = None,
        limit: int,
    ) -> FoundEvents:
        """Return the first `limit` events that are found, the newest first, after a cursor."""
        self._catch_up()
        if _finds_nothing(query, narrowing):
            return FoundEvents([])
        with self._transactions.snapshot(), self._transactions.reading() as connection:
            found = _newest(connection, query, narrowing, after, probe_number(limit + 1))
        page = found[:limit]
        return FoundEvents(
            [event for _, event in page], page[-1].cursor if len(found) > limit else None
        )

    def find_best(self, query: SearchQuery, narrowing: EventQuery, /, *, limit: int) -> list[Event]:
        """Return the `limit` best of the newest events that are found."""
        self._catch_up()
        if _finds_nothing(query, narrowing):
            return []
        with self._transactions.snapshot(), self._transactions.reading() as connection:
            return _best(connection, query, narrowing, limit)

    def build(self, *, limit: int) -> Indexed:
        """Bring the index up to date, by `limit` events at most."""
        while True:
            # What takes long is done before anybody is kept waiting.
            with self._transactions.reading() as connection:
                batch = arrears(connection, limit=limit)
            if batch.before == (VERSION, batch.indexed):
                return Indexed(0, 0)
            lock = self._transactions.names.lock_feed
            if self._transactions.write(partial(add, batch=batch), lock=lock, tells=False):
                return Indexed(batch.looked_at, batch.left)

    def _catch_up(self) -> None:
        """Index what was committed so far, in short transactions.

        Where little is left, it waits for no writer: to look through that takes less time than
        they may.
        """
        with self._transactions.reading() as connection:
            last = last_position(connection)
        in_scope = self._transactions.in_scope()
        while True:
            with self._transactions.reading() as connection:
                version, indexed = state(connection)
                if version == VERSION and indexed >= last:
                    return
                if not in_scope and version == VERSION and last - indexed <= _AT_ONCE:
                    batch = arrears(connection, limit=_AT_ONCE)
                    break
            try:
                self.build(limit=_AT_ONCE)
            except (StoreReadOnly, StoreBusy, StoreFull):
                # Inside a snapshot, for one. What is not indexed is looked through instead.
                return
        self._transactions.write_aside(lambda on: add(on, batch))


def _finds_nothing(query: SearchQuery, narrowing: EventQuery) -> bool:
    types = narrowing.event_types
    return not query.terms or (types is not None and not types)


def _newest(
    connection: Connection,
    query: SearchQuery,
    narrowing: EventQuery,
    after: SearchCursor | None,
    limit: int,
) -> list[_Found]:
    rows = _indexed(connection, _COLUMNS, query, narrowing, after, limit)
    found = [_placed(event_from_row(row)) for row in rows]
    unseen = _not_indexed(connection, query, narrowing)
    more = nlargest(limit, (one for one in unseen if after is None or one.cursor < after))
    return sorted(found + more, reverse=True)[:limit] if more else found


def _best(
    connection: Connection, query: SearchQuery, narrowing: EventQuery, limit: int
) -> list[Event]:
    columns = "entries.milliseconds, entries.position, entries.words"
    rows = _indexed(connection, columns, query, narrowing, None, MOST_RANKED)
    weighed = [(SearchCursor(*row[:2]), relevance(query, row[2].split(" "))) for row in rows]
    waiting_ones = {
        cursor: words(searchable_text(event))
        for cursor, event in _not_indexed(connection, query, narrowing)
    }
    weighed += [(cursor, relevance(query, found)) for cursor, found in waiting_ones.items()]
    newest = nlargest(MOST_RANKED, weighed)
    # A sort leaves ties as they are: the newest first.
    newest.sort(key=lambda one: one[1], reverse=True)
    wanted = [cursor.position for cursor, _ in newest[:limit]]
    events = {e.position: e for e in map(event_from_row, connection.rows(_AT_POSITIONS, (wanted,)))}
    return [events[position] for position in wanted]


def _indexed(
    connection: Connection,
    columns: str,
    query: SearchQuery,
    narrowing: EventQuery,
    after: SearchCursor | None,
    limit: int,
) -> list[Row]:
    """Return these columns of what is found in the index, the newest first."""
    if state(connection).version != VERSION:
        return []
    has_words, values = condition(query)
    meant, more = as_sql(narrowing)
    conditions = [meant]
    values += more
    for sql, moment in ((_SINCE, narrowing.since), (_UNTIL, narrowing.until)):
        if moment is not None:
            conditions.append(sql)
            values.append(milliseconds(moment))
    if after is not None:
        conditions.append(_AFTER)
        values += map(probe_number, after)
    sql = _FOUND.format(columns=columns, condition=has_words, narrowing=" AND ".join(conditions))
    connection.script(_BY_WORDS)
    try:
        return connection.rows(sql, (*values, limit))
    finally:
        if connection.is_in_transaction:
            connection.script(_AS_BEFORE)


def _not_indexed(
    connection: Connection, query: SearchQuery, narrowing: EventQuery
) -> Iterator[_Found]:
    """Yield what is found of the events that the index does not have yet."""
    version, indexed = state(connection)
    meant, values = as_sql(narrowing)
    sql = _NOT_INDEXED.format(narrowing=meant)
    after = indexed if version == VERSION else 0
    while rows := connection.rows(sql, (after, *values, _READ_AT_ONCE)):
        for event in map(event_from_row, rows):
            after = event.position
            if matches(query, words(searchable_text(event))):
                yield _placed(event)


def _placed(event: Event) -> _Found:
    return _Found(SearchCursor(milliseconds(event.timestamp), event.position), event)
