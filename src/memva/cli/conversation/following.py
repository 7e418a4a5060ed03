"""A session's events as they are committed, after those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from memva.domain.abilities import WatchableStore
from memva.domain.event import Event
from memva.services.following import follow_events, get_last_position


class Follower:
    """Gives the events of a session that are there, and then those that are committed.

    Make it before the first ones are read: what is committed meanwhile comes once.
    """

    def __init__(self, store: WatchableStore, session_id: str) -> None:
        self._store, self._session_id = store, session_id
        self._after = get_last_position(store)
        self._met: set[int] = set()

    def present(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield `events`, which are there."""
        for event in events:
            if event.position > self._after:
                self._met.add(event.position)
            yield event

    def coming(self) -> Iterator[Event]:
        """Yield those committed since, as they are committed; it does not end by itself."""
        for event in follow_events(self._store, after=self._after, session_id=self._session_id):
            if event.position not in self._met:
                yield event
