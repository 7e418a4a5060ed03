"""Searching in SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from heapq import nlargest
from typing import Final, NamedTuple

import attrs

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.narrowing import narrowing as as_sql
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.sqlite.search_index import (
    NUMBERS,
    SIDECHAIN_MARK,
    VERSION,
    SearchIndex,
    state,
    type_mark,
)
from memva.adapters.sqlite.sequences import last_position
from memva.adapters.sqlite.transactions import Transactions
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
_IDS: Final = """
    SELECT rowid AS id, {score} AS score FROM search_words
    WHERE search_words MATCH ? AND rowid >= {first} AND rowid < {beyond} AND {condition}
    ORDER BY rowid DESC LIMIT ?
"""
_FOUND: Final = f"""
    SELECT {_COLUMNS}, found.id FROM ({{ids}}) AS found
    CROSS JOIN search_entries AS entries ON entries.id = found.id
    CROSS JOIN events ON events.position = entries.position
    ORDER BY {{order}}
"""
_BEST: Final = "SELECT id, score FROM ({ids}) ORDER BY score, id DESC LIMIT ?"
# A session's entries are few beside those that a common word finds, and are between two moments.
_OF_SESSION: Final = """
    WITH ours (id) AS MATERIALIZED (
        SELECT entries.id FROM events
        CROSS JOIN search_entries AS entries ON entries.position = events.position
        WHERE {session}
    )
"""
_FIRST_OF_SESSION: Final = "max(?, (SELECT min(id) FROM ours))"
_BEYOND_SESSION: Final = "min(?, (SELECT max(id) + 1 FROM ours))"
_IS_OF_SESSION: Final = "+rowid IN (SELECT id FROM ours)"
_IS_MEANT: Final = """
    EXISTS (
        SELECT 1 FROM search_entries AS entries
        CROSS JOIN events ON events.position = entries.position
        WHERE entries.id = search_words.rowid AND {narrowing}
    )
"""
_AT_CURSOR: Final = """
    SELECT min(id) FROM search_entries WHERE id >= ? AND id < ? AND position >= ?
"""
_NOT_INDEXED: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events NOT INDEXED WHERE position > ? AND {{narrowing}}
"""

_NO_SCORE: Final = "NULL"
_FIRST_ID: Final = -(2**63)
_LAST_ID: Final = 2**63 - 1
_MOST_TYPES: Final = 50
# How many events are indexed before other writers have their turn.
_AT_ONCE: Final = 2_000


class _Found(NamedTuple):
    """An event that was found, and its place."""

    cursor: SearchCursor
    event: Event


class SqliteSearch:
    """Searching a SQLite store; `memva.domain.abilities.SearchRepository` says what it does."""

    def __init__(self, transactions: Transactions, index: SearchIndex) -> None:
        self._transactions = transactions
        self._index = index

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
        self._catch_up(beside_writers=True)
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
            if next(_not_indexed(connection, query, narrowing), None) is None:
                return _best(connection, query, narrowing, limit)
            # What is not in the index cannot be weighed by it.
            found = _newest(connection, query, narrowing, None, MOST_RANKED)
        events = [event for _, event in found]
        events.sort(key=lambda e: relevance(query, words(searchable_text(e))), reverse=True)
        return events[:limit]

    def build(self, *, limit: int) -> Indexed:
        """Bring the index up to date, by `limit` events at most."""
        with self._transactions.reading() as connection:
            version, indexed, _ = state(connection)
            if version == VERSION and indexed >= last_position(connection):
                # Nobody waits for whoever writes, to find that there is nothing to do.
                return Indexed(0, 0)
        with self._transactions.writing() as connection:
            return self._index.catch_up(connection, limit=limit)

    def _bring_on(self, connection: Connection) -> None:
        self._index.catch_up(connection, limit=_AT_ONCE)

    def _catch_up(self, *, beside_writers: bool = False) -> None:
        """Index what was committed so far, in short transactions.

        With `beside_writers` it waits for no other writer where little is left: to look through
        that takes less time than they may.
        """
        with self._transactions.reading() as connection:
            last = last_position(connection)
        begun, may_pass = False, beside_writers and not self._transactions.in_scope()
        while True:
            with self._transactions.reading() as connection:
                version, indexed, _ = state(connection)
            if version == VERSION and indexed >= last:
                return
            if may_pass and version == VERSION and last - indexed <= _AT_ONCE:
                with self._transactions.apart() as connection:
                    self._transactions.write_aside(connection, self._bring_on)
                return
            if version != VERSION and begun:
                # A memva of other rules makes it anew as well: whoever goes on takes it away.
                return
            begun = True
            try:
                self.build(limit=_AT_ONCE)
            except (StoreReadOnly, StoreBusy, StoreFull):
                # Inside a snapshot, for one. What is not indexed is looked through instead.
                return


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
    found: list[_Found] = []
    if state(connection).version == VERSION:
        ids, values = _ids(connection, query, narrowing, after, score=_NO_SCORE)
        sql = _FOUND.format(ids=ids, order="found.id DESC")
        found = [_found(row) for row in connection.rows(sql, (*values, limit))]
    waiting = _not_indexed(connection, query, narrowing)
    more = nlargest(limit, (one for one in waiting if after is None or one.cursor < after))
    return sorted(found + more, reverse=True)[:limit] if more else found


def _best(
    connection: Connection, query: SearchQuery, narrowing: EventQuery, limit: int
) -> list[Event]:
    ids, values = _ids(connection, query, narrowing, None, score="bm25(search_words)")
    sql = _FOUND.format(ids=_BEST.format(ids=ids), order="found.score, found.id DESC")
    return [event_from_row(row) for row in connection.rows(sql, (*values, MOST_RANKED, limit))]


def _found(row: Row) -> _Found:
    event = event_from_row(row)
    return _Found(SearchCursor(row[-1] // NUMBERS, event.position), event)


def _ids(
    connection: Connection,
    query: SearchQuery,
    narrowing: EventQuery,
    after: SearchCursor | None,
    *,
    score: str,
) -> tuple[str, list[object]]:
    """Return the statement for the ids of what is found, and its parameters but for the limit."""
    session, values = as_sql(
        EventQuery(memva_session_id=narrowing.memva_session_id, session_id=narrowing.session_id)
    )
    rest = attrs.evolve(narrowing, memva_session_id=None, session_id=None)
    conditions = ["TRUE"]
    ours, first, beyond = "", "?", "?"
    if values:
        ours = _OF_SESSION.format(session=session)
        first, beyond = _FIRST_OF_SESSION, _BEYOND_SESSION
        conditions.append(_IS_OF_SESSION)
    values += [
        _expression(query, narrowing, weighed=score != _NO_SCORE),
        *_span(connection, narrowing, after),
    ]
    if rest != EventQuery():
        meant, more = as_sql(rest)
        conditions.append(_IS_MEANT.format(narrowing=meant))
        values += more
    sql = _IDS.format(score=score, first=first, beyond=beyond, condition=" AND ".join(conditions))
    return ours + sql, values


def _expression(query: SearchQuery, narrowing: EventQuery, *, weighed: bool) -> str:
    """Return the query as FTS5 writes it; in quotes its words mean nothing else."""
    wanted = [f'"{" ".join(term.words)}"{"*" if term.prefix else ""}' for term in query.terms]
    types = narrowing.event_types
    # Of several marks the rarer would weigh more, as if it were a word of the query.
    if types is not None and len(types) <= (1 if weighed else _MOST_TYPES):
        # Where few events are of these types, a common word would be sought in all the others.
        marks = " OR ".join(f'"{type_mark(event_type)}"' for event_type in types)
        wanted.append(f"({marks})")
    if narrowing.is_sidechain:
        wanted.append(f'"{SIDECHAIN_MARK}"')
    expression = " AND ".join(wanted)
    if narrowing.is_sidechain is False:
        expression = f'({expression}) NOT "{SIDECHAIN_MARK}"'
    return expression


def _span(
    connection: Connection, narrowing: EventQuery, after: SearchCursor | None
) -> tuple[int, int]:
    """Return the first id that is looked at, and the first that is not any more."""
    first, beyond = _FIRST_ID, _LAST_ID
    if narrowing.since is not None:
        first = milliseconds(narrowing.since) * NUMBERS
    if narrowing.until is not None:
        delay = state(connection).delay
        beyond = (milliseconds(narrowing.until) + delay + 1) * NUMBERS
    if after is not None:
        moment = [probe_number((after.milliseconds + n) * NUMBERS) for n in (0, 1)]
        [(at_cursor,)] = connection.rows(_AT_CURSOR, (*moment, probe_number(after.position)))
        beyond = min(beyond, moment[1] if at_cursor is None else at_cursor)
    return first, beyond


def _not_indexed(
    connection: Connection, query: SearchQuery, narrowing: EventQuery
) -> Iterator[_Found]:
    """Yield what is found of the events that the index does not have yet, one at a time."""
    version, indexed, _ = state(connection)
    condition, values = as_sql(narrowing)
    sql = _NOT_INDEXED.format(narrowing=condition)
    with closing(connection.each(sql, (indexed if version == VERSION else 0, *values))) as rows:
        for event in map(event_from_row, rows):
            if matches(query, words(searchable_text(event))):
                yield _Found(SearchCursor(milliseconds(event.timestamp), event.position), event)
