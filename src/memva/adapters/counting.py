"""Keeping what is counted true to the events, in whatever tables a store keeps it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import attrs

from memva.adapters.told_rows import Row, ToldKey, ToldRows, told_key
from memva.domain.event import Event
from memva.domain.told_response import ToldResponse, merged_told, told_in
from memva.domain.versions import Reconciled

AT_ONCE: Final = 50
"""How many events, some of which have megabytes, are read at once."""

_Told: TypeAlias = tuple[ToldResponse, list[int]]
"""What is told of a response, and the positions of the events that tell it."""


class CountTables(Protocol):
    """The tables of a store that hold what is told of responses, and the events that tell it."""

    def add(self, rows: Collection[Row], /) -> int:
        """Add the rows whose key is not there yet; return how many they were."""
        ...

    def replace(self, rows: Collection[Row], /) -> None:
        """Put rows in the place of those with their keys."""
        ...

    def remove(self, keys: Collection[ToldKey], /) -> None:
        """Remove the rows with these keys."""
        ...

    def remove_session(self, memva_session_id: str, /) -> None:
        """Remove the rows of a session."""
        ...

    def find(
        self, memva_session_id: str, session_id: str, response_ids: Collection[str], /
    ) -> list[Row]:
        """Return the rows of these responses in the transcripts of a session of Claude Code's."""
        ...

    def telling(self, positions: Sequence[int], /) -> list[Event]:
        """Return the events at these positions that may tell of a response."""
        ...

    def sessions(self, positions: Sequence[int], /) -> set[str | None]:
        """Return the sessions that the events at these positions are associated with."""
        ...

    def forget(self, session_ids: Collection[str], /) -> None:
        """Take away the tokens of sessions, and what is kept under them."""
        ...


class Counting:
    """Follows each change to the events, in the transaction that makes it."""

    def __init__(self, tables: CountTables, rows: ToldRows) -> None:
        self._tables = tables
        self._rows = rows

    def appended(self, outcome: Reconciled, positions: Sequence[int]) -> None:
        """Count what was appended, under these positions, in the place of what it superseded."""
        if outcome.superseded:
            self._take(outcome.superseded)
        self._add(zip(outcome.fresh, positions, strict=True))
        self._forget({event.memva_session_id for event in outcome.fresh})

    def moving(self, positions: Sequence[int], memva_session_id: str) -> None:
        """Count the events at these positions for the session that they are about to come to."""
        for begin in range(0, len(positions), AT_ONCE):
            before = self._tables.telling(positions[begin : begin + AT_ONCE])
            self._take(before)
            self.add([attrs.evolve(event, memva_session_id=memva_session_id) for event in before])
        self._forget({memva_session_id} | self._tables.sessions(positions))

    def removing(self, positions: Sequence[int]) -> None:
        """Take out what the events at these positions tell, which are about to be deleted."""
        for begin in range(0, len(positions), AT_ONCE):
            self._take(self._tables.telling(positions[begin : begin + AT_ONCE]))
        self._forget(self._tables.sessions(positions))

    def deleted(self, memva_session_id: str) -> None:
        """Forget what was counted of a session that is deleted."""
        self._tables.remove_session(memva_session_id)

    def add(self, events: Iterable[Event]) -> None:
        """Count stored events that were not counted so far."""
        self._add((event, event.position) for event in events)

    def _add(self, events: Iterable[tuple[Event, int]]) -> None:
        arriving: dict[ToldKey, _Told] = {}
        for event, position in events:
            told = told_in(event)
            if told is not None:
                key = told_key(told)
                one = (told, [position])
                arriving[key] = _both(arriving[key], one) if key in arriving else one
        if not arriving:
            return
        rows = {key: self._rows.row(*told) for key, told in arriving.items()}
        if self._tables.add(rows.values()) == len(rows):
            # All are new, as nearly always: there is nothing to merge.
            return
        stored = self._stored(rows)
        merged = [
            self._rows.row(*_both((self._rows.told(row), self._rows.positions_of(row)), told))
            for key, told in arriving.items()
            for row in [stored[key]]
            if row != rows[key]
        ]
        self._tables.replace(merged)

    def _take(self, events: Iterable[Event]) -> None:
        """Take out what events tell that are no longer there, or no longer there as they were.

        What is left of a response is told anew by the lines that are left.
        """
        gone: dict[ToldKey, set[int]] = {}
        for event in events:
            told = told_in(event)
            if told is not None:
                gone.setdefault(told_key(told), set()).add(event.position)
        if not gone:
            return
        stored = {key: row for key, row in self._stored(gone).items() if key in gone}
        self._tables.remove(stored)
        left = [
            position
            for key, row in stored.items()
            for position in self._rows.positions_of(row)
            if position not in gone[key]
        ]
        if left:
            self.add(self._tables.telling(left))

    def _stored(self, keys: Mapping[ToldKey, object]) -> dict[ToldKey, Row]:
        """Return the rows with these keys, and maybe some beside them."""
        responses: dict[tuple[str, str], set[str]] = {}
        for memva_session_id, session_id, response_id, _, _ in keys:
            responses.setdefault((memva_session_id, session_id), set()).add(response_id)
        return {
            row[:5]: row
            for of, response_ids in responses.items()
            for row in self._tables.find(*of, response_ids)
        }

    def _forget(self, session_ids: Collection[str | None]) -> None:
        changed = sorted(id_ for id_ in session_ids if id_ is not None)
        if changed:
            self._tables.forget(changed)


def _both(one: _Told, other: _Told) -> _Told:
    return merged_told(one[0], other[0]), one[1] + other[1]
