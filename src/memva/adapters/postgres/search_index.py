"""The index of the words of events: what it consists of, and how it follows the events.

It goes after the events: a search brings it up to date first. It holds the domain's words as they
are, so that PostgreSQL need know of no language. What is taken out of the events takes its entry
along, also where the store that does so was opened without search.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.postgres.sequences import last_position
from memva.domain.search_page import milliseconds
from memva.domain.search_query import SearchQuery, SearchTerm
from memva.domain.searchable import EXTRACTION_VERSION, searchable_text
from memva.domain.word_rules import words

VERSION: Final = f"1.{EXTRACTION_VERSION}"
"""What the index consists of, and the rules it was made by; one of another version is made anew."""

# As the index has it, so that it is used.
VECTOR: Final = "array_to_tsvector(string_to_array(words, ' '))"
_HAS_WORDS: Final = f"{VECTOR} @@ %s::tsquery"
_HAS_PHRASE: Final = "strpos(' ' || words || ' ', %s) > 0"

# Lines of many megabytes are few at once.
_MOST_CHARACTERS: Final = 8 * 1024 * 1024
_DATA: Final = EVENT_COLUMNS.split(", ").index("data")

_STATE: Final = "SELECT version, indexed FROM search_state"
_MOVE: Final = """
    INSERT INTO search_state (version, indexed) VALUES (%s, %s)
    ON CONFLICT (is_only) DO UPDATE SET (version, indexed) = (excluded.version, excluded.indexed)
"""
_REMOVE_ALL: Final = "DELETE FROM search_entries"
_ARREARS: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events WHERE position > %s AND position <= %s
    ORDER BY position LIMIT %s
"""
# An event may have gone since it was looked at.
_ADD: Final = """
    INSERT INTO search_entries (position, milliseconds, words)
    SELECT position, %s, %s FROM events WHERE position = %s
    ON CONFLICT DO NOTHING
"""
_READ_AT_ONCE: Final = 100


class IndexState(NamedTuple):
    """How far the index has come."""

    version: str
    indexed: int


class Batch(NamedTuple):
    """Entries that are to be added.

    Attributes:
        before: How far the index had come when they were worked out.
        indexed: How far it has come with them.
        looked_at: How many events they come from.
        left: How many events are left at most.
        entries: The milliseconds, the words and the position of each.
    """

    before: IndexState
    indexed: int
    looked_at: int
    left: int
    entries: list[tuple[int, str, int]]


def state(connection: Connection) -> IndexState:
    """Return how far the index has come."""
    rows = connection.rows(_STATE)
    return IndexState(*rows[0]) if rows else IndexState("", 0)


def arrears(connection: Connection, *, limit: int) -> Batch:
    """Work out the entries of up to `limit` events that are not in the index."""
    before = state(connection)
    indexed = before.indexed if before.version == VERSION else 0
    last = last_position(connection)
    entries: list[tuple[int, str, int]] = []
    looked_at = characters = 0
    while looked_at < limit and characters <= _MOST_CHARACTERS:
        count = min(_READ_AT_ONCE, limit - looked_at)
        rows = connection.rows(_ARREARS, (indexed, last, count))
        for row in rows:
            event = event_from_row(row)
            found = words(searchable_text(event))
            if found:
                entry = (milliseconds(event.timestamp), " ".join(found), event.position)
                entries.append(entry)
            indexed = event.position
            characters += len(row[_DATA])
        looked_at += len(rows)
        if len(rows) < count:
            indexed = max(indexed, last)
            break
    return Batch(before, indexed, looked_at, max(0, last - indexed), entries)


def add(connection: Connection, batch: Batch) -> bool:
    """Add entries, unless somebody else has brought the index on; return whether they were.

    The caller has the lock of the feed, so that meanwhile no event comes or goes.
    """
    if state(connection) != batch.before:
        return False
    if batch.before.version != VERSION:
        connection.run(_REMOVE_ALL)
    connection.run_many(_ADD, batch.entries)
    connection.run(_MOVE, (VERSION, batch.indexed))
    return True


def condition(query: SearchQuery) -> tuple[str, list[object]]:
    """Return the condition that the entries of what `query` finds meet, and its parameters."""
    conditions = [_HAS_WORDS]
    values: list[object] = [" & ".join(map(_lexemes, query.terms))]
    for term in query.terms:
        if len(term.words) > 1:
            conditions.append(_HAS_PHRASE)
            values.append(f" {' '.join(term.words)}{'' if term.prefix else ' '}")
    return " AND ".join(conditions), values


def _lexemes(term: SearchTerm) -> str:
    *whole, last = map(_quoted, term.words)
    return " & ".join([*whole, f"{last}:*" if term.prefix else last])


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
