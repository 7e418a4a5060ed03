"""The index of the words of events: what it consists of, and how it follows the events.

It goes after the events by a bounded number of positions: an append brings it on only where it has
fallen behind, and a search brings it up to date first. What is taken out of the events leaves it
in the same transaction, also where the store that does so was opened without search.

Its ids stand in the order of time, so that FTS5 gives the newest first without sorting: the
milliseconds of an event, and a number within that millisecond.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.sqlite.sequences import last_position
from memva.domain.as_stored import as_stored
from memva.domain.errors import SearchUnavailable
from memva.domain.event import Event
from memva.domain.json import encode_json
from memva.domain.search_page import Indexed, milliseconds
from memva.domain.searchable import EXTRACTION_VERSION, searchable_text
from memva.domain.versions import Reconciled
from memva.domain.word_rules import words

VERSION: Final = f"2.{EXTRACTION_VERSION}"
"""What the index consists of, and the rules it was made by; one of another version is made anew."""

NUMBERS: Final = 2**15
"""How many entries a millisecond has room for; what goes beyond counts to the next one."""

SIDECHAIN_MARK: Final = "\ue001"
"""The word that what subagents said has."""

_MAIN_MARK: Final = "\ue002"

_LONGEST_MARK: Final = 64

# An append that finds the index so far behind brings it on, which keeps that one append waiting.
_ARREARS: Final = 250
# Lines of many megabytes are few at once.
_MOST_CHARACTERS: Final = 8 * 1024 * 1024

_HAS_FTS5: Final = "SELECT 1 FROM pragma_module_list WHERE name = 'fts5'"
_IS_THERE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'search_state'"
_MAKE_ANEW: Final = (
    "DROP TABLE IF EXISTS search_words",
    "DROP TABLE IF EXISTS search_entries",
    "DROP TABLE IF EXISTS search_state",
    # The words come parted by spaces and folded, so that ASCII is all it has to know of. Without
    # content, as the events have it.
    "CREATE VIRTUAL TABLE search_words USING fts5 (words, content='', tokenize='ascii')",
    """
    CREATE TABLE search_entries (
        id        INTEGER PRIMARY KEY,
        position  INTEGER NOT NULL UNIQUE
    )
    """,
    # `indexed` is the position up to which no event is missing, `delay` how many milliseconds
    # entries count later than they were at most.
    """
    CREATE TABLE search_state (
        version  TEXT NOT NULL,
        indexed  INTEGER NOT NULL,
        delay    INTEGER NOT NULL
    )
    """,
)
_BEGIN: Final = "INSERT INTO search_state (version, indexed, delay) VALUES (?, 0, 0)"
_GIVE_UP: Final = "UPDATE search_state SET version = ''"
_DATA: Final = EVENT_COLUMNS.split(", ").index("data")
_STATE: Final = "SELECT version, indexed, delay FROM search_state"
_MOVE: Final = "UPDATE search_state SET indexed = ?, delay = max(delay, ?)"
_WAITING: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events NOT INDEXED WHERE position > ? AND position <= ?
    ORDER BY position
"""
_LAST_IN_MOMENT: Final = """
    SELECT value, (
        SELECT max(id) FROM search_entries
        WHERE id >= value * :numbers AND id < (value + 1) * :numbers
    )
    FROM json_each(:moments)
"""
_ADD_WORDS: Final = "INSERT INTO search_words (rowid, words) VALUES (?, ?)"
_ADD_ENTRY: Final = "INSERT INTO search_entries (id, position) VALUES (?, ?)"
_ENTRIES: Final = """
    SELECT id, position FROM search_entries WHERE position IN (SELECT value FROM json_each(?))
    ORDER BY id
"""
_REMOVE_WORDS: Final = (
    "INSERT INTO search_words (search_words, rowid, words) VALUES ('delete', ?, ?)"
)
_REMOVE_ENTRY: Final = "DELETE FROM search_entries WHERE id = ?"
_AT_POSITIONS: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events WHERE position IN (SELECT value FROM json_each(?))
"""


class IndexState(NamedTuple):
    """How far the index has come."""

    version: str
    indexed: int
    delay: int


class _Entry(NamedTuple):
    """An event as the index takes it."""

    position: int
    milliseconds: int
    words: str


class SearchIndex:
    """The index of one store; it works on the connection, in the transaction, of the caller."""

    def __init__(self, *, kept: bool) -> None:
        """Make the index of a store that keeps it, or that was opened without search."""
        self._kept = kept
        # Up to where the index had come when it was last looked at: what makes looking rare.
        self._seen = 0

    def appended(self, connection: Connection, outcome: Reconciled) -> None:
        """Follow an append that was just made."""
        if outcome.superseded and connection.rows(_IS_THERE):
            self._remove(connection, outcome.superseded)
        if not self._kept:
            return
        last = last_position(connection)
        # Below what was seen it is where that was undone.
        if 0 <= last - self._seen < _ARREARS:
            return
        version, self._seen, _ = state(connection)
        if version != VERSION:
            # A memva of other rules is at work on the file; whoever searches makes it anew.
            self._seen = last
        elif last - self._seen >= _ARREARS:
            count = 2 * max(_ARREARS, len(outcome.fresh))
            self.catch_up(connection, limit=count, appended=outcome.fresh)

    def removing(self, connection: Connection, positions: Sequence[int]) -> None:
        """Take out the words of the events at these positions, which are about to be deleted."""
        if not connection.rows(_IS_THERE):
            return
        for begin in range(0, len(positions), _ARREARS):
            some = encode_json(positions[begin : begin + _ARREARS], field="positions")
            with closing(connection.each(_AT_POSITIONS, (some,))) as rows:
                self._remove(connection, (event_from_row(row) for row in rows))

    def catch_up(
        self, connection: Connection, *, limit: int, appended: Sequence[Event] = ()
    ) -> Indexed:
        """Index up to `limit` of the events that are not; those `appended` came last."""
        version, indexed, _ = state(connection)
        if version != VERSION:
            _make_anew(connection)
            indexed = 0
        last = last_position(connection)
        entries: list[_Entry] = []
        looked_at = characters = 0
        with closing(_waiting(connection, indexed, last, appended)) as events:
            for position, event, length in events:
                if looked_at == limit or characters > _MOST_CHARACTERS:
                    break
                looked_at += 1
                characters += length
                entry = _entry(event, position)
                if entry.words:
                    entries.append(entry)
                indexed = position
            else:
                indexed = max(indexed, last)
        delay = _add(connection, entries)
        connection.run(_MOVE, (indexed, delay))
        self._seen = indexed
        return Indexed(looked_at, max(0, last - indexed))

    def _remove(self, connection: Connection, events: Iterable[Event]) -> None:
        if state(connection).version != VERSION or not connection.rows(_HAS_FTS5):
            # By which words they stand there is not known, or cannot be said.
            _make_anew(connection)
            return
        # FTS5 has to be given the very words that it was given.
        words_at = {event.position: _entry(event, event.position).words for event in events}
        # Sorted by id, as FTS5 begins a segment wherever ids fall back.
        gone = connection.rows(_ENTRIES, (encode_json(list(words_at), field="positions"),))
        connection.run_many(_REMOVE_WORDS, [(id_, words_at[position]) for id_, position in gone])
        connection.run_many(_REMOVE_ENTRY, [(id_,) for id_, _ in gone])


def prepare_search(connection: Connection) -> None:
    """Make an empty index where there is none.

    Raises:
        SearchUnavailable: SQLite was built without FTS5.
    """
    if not connection.rows(_HAS_FTS5):
        raise SearchUnavailable("SQLite was built without FTS5; open the store with search=False")
    if connection.rows(_IS_THERE):
        return
    connection.rows("BEGIN IMMEDIATE")
    try:
        # Another process may have made it while this one waited for the lock.
        if not connection.rows(_IS_THERE):
            _make_anew(connection)
        connection.rows("COMMIT")
    except BaseException:
        connection.roll_back()
        raise


def state(connection: Connection) -> IndexState:
    """Return how far the index has come."""
    [row] = connection.rows(_STATE)
    return IndexState(*row)


def _make_anew(connection: Connection) -> None:
    if not connection.rows(_HAS_FTS5):
        connection.run(_GIVE_UP)
        return
    for statement in _MAKE_ANEW:
        connection.run(statement)
    connection.run(_BEGIN, (VERSION,))


def _waiting(
    connection: Connection, indexed: int, last: int, appended: Sequence[Event]
) -> Generator[tuple[int, Event, int], None, None]:
    """Yield the events after `indexed`, each with its position and how much had to be read."""
    stored = last - len(appended)
    if indexed < stored:
        with closing(connection.each(_WAITING, (indexed, stored))) as rows:
            for row in rows:
                event = event_from_row(row)
                yield event.position, event, len(row[_DATA])
    for position, event in enumerate(appended, start=stored + 1):
        yield position, as_stored(event), 0


def type_mark(event_type: str) -> str:
    """Return the word that stands for a type; no text has a word that begins so.

    Types that begin alike share it, so that it narrows what is looked at, and decides nothing.
    """
    return f"\ue000{event_type[:_LONGEST_MARK].encode().hex()}"


def _entry(event: Event, position: int) -> _Entry:
    found = words(searchable_text(event))
    if found:
        found.append(type_mark(event.event_type))
        # Each has as many marks: the longer text is held to be the worse match.
        found.append(SIDECHAIN_MARK if event.is_sidechain else _MAIN_MARK)
    return _Entry(position, milliseconds(event.timestamp), " ".join(found))


def _add(connection: Connection, entries: Sequence[_Entry]) -> int:
    """Add entries; return by how many milliseconds one of them counts later at most."""
    if not entries:
        return 0
    moments: dict[int, list[_Entry]] = {}
    for entry in entries:
        moments.setdefault(entry.milliseconds, []).append(entry)
    free = _free(connection, list(moments))
    rows: list[tuple[int, _Entry]] = []
    order = list(moments)
    heapify(order)
    while order:
        moment = heappop(order)
        here = sorted(moments.pop(moment))
        first = free[moment] if moment in free else _free(connection, [moment])[moment]
        room = (moment + 1) * NUMBERS - first
        rows.extend(enumerate(here[:room], start=first))
        if len(here) > room:
            if moment + 1 not in moments:
                heappush(order, moment + 1)
            moments.setdefault(moment + 1, []).extend(here[room:])
    connection.run_many(_ADD_WORDS, [(id_, entry.words) for id_, entry in rows])
    connection.run_many(_ADD_ENTRY, [(id_, entry.position) for id_, entry in rows])
    return max(id_ // NUMBERS - entry.milliseconds for id_, entry in rows)


def _free(connection: Connection, moments: list[int]) -> dict[int, int]:
    """Return the first id after those that are taken in each of `moments`."""
    values = {"numbers": NUMBERS, "moments": encode_json(moments, field="moments")}
    return {
        moment: moment * NUMBERS if last is None else last + 1
        for moment, last in connection.rows(_LAST_IN_MOMENT, values)
    }
