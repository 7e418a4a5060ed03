"""What a store promises of pages: what they hold, and that they go both ways."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from memva.domain.errors import EventNotFound, InvalidValue, SessionNotFound
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.event_page import EventCursor, EventPage, EventQuery
from memva.domain.ports import Store
from memva.services.events import (
    get_claude_sessions_for_session,
    get_events_for_claude_session,
    get_events_for_session,
    get_latest_claude_session_id,
    get_recent_events,
    locate_event,
    page_events,
)
from memva.testing.clock import START
from memva.testing.contract.events import lines, stored
from memva.testing.samples import sample_event, sample_session

EVERYTHING = EventQuery()


def said(second: int, uuid: str, **fields: Any) -> Event:
    """Return a streamed event, said some seconds after the start."""
    return sample_event(uuid=uuid, timestamp=START + timedelta(seconds=second), **fields)


def uuids(page: EventPage) -> list[str]:
    """Return the uuids of a page's events."""
    return [event.uuid for event in page]


class PageContract:
    """Pages narrowed, from either end, from the middle, and while events arrive."""

    @pytest.fixture
    def mixed(self, store: Store) -> Store:
        """Give a store with five events of several kinds."""
        store.events.append(
            [
                said(1, "a", event_type="user"),
                said(2, "b", event_type="assistant"),
                said(
                    3, "c", event_type="assistant", is_sidechain=True, subpath="subagents/agent-1"
                ),
                said(4, "d", event_type="system"),
                said(5, "e", event_type="a type of tomorrow"),
            ]
        )
        return store

    @pytest.mark.parametrize(
        ("narrowing", "expected"),
        [
            ({"event_types": ["user", "system"]}, "ad"),
            ({"event_types": ["a type of tomorrow"]}, "e"),
            ({"event_types": []}, ""),
            ({"is_sidechain": True}, "c"),
            ({"is_sidechain": False}, "abde"),
            ({"since": START + timedelta(seconds=3)}, "cde"),
            ({"until": START + timedelta(seconds=3)}, "ab"),
            ({"since": START + timedelta(seconds=2), "until": START + timedelta(seconds=4)}, "bc"),
            ({"event_types": ["assistant"], "is_sidechain": False}, "b"),
            ({"session_id": "claude-1", "since": START + timedelta(seconds=5)}, "e"),
        ],
        ids=str,
    )
    def test_query_narrows_pages(
        self, mixed: Store, narrowing: dict[str, Any], expected: str
    ) -> None:
        """A page holds the events that the query means, from either end, and no others."""
        query = EventQuery(**narrowing)
        assert uuids(mixed.events.page(query, limit=9)) == list(expected)
        back = mixed.events.page(query, newest_first=True, limit=9)
        assert uuids(back) == list(reversed(expected))

    def test_time_span_is_that_of_the_events_own_times(self, store: Store) -> None:
        """A span means the events' own times, also after a clock fell back."""
        times = [5, 1, 3]
        store.events.append([said(s, f"at {s}", line=n) for n, s in enumerate(times, start=1)])
        span = EventQuery(until=START + timedelta(seconds=4))
        assert uuids(store.events.page(span, limit=9)) == ["at 1", "at 3"]
        span = EventQuery(since=START + timedelta(seconds=4))
        assert uuids(store.events.page(span, limit=9)) == ["at 5"]

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
    def test_pages_from_the_newest_back_are_the_order_turned_round(
        self, store: Store, limit: int
    ) -> None:
        """Read from the newest back, pages of any size join to the order turned round."""
        store.events.append([*lines(4), *lines(4, subpath="subagents/agent-1")])
        found: list[Event] = []
        after: EventCursor | None = None
        while True:
            page = store.events.page(EVERYTHING, after=after, newest_first=True, limit=limit)
            found.extend(page.events)
            if page.next is None:
                break
            after = page.next
        assert found == list(reversed(stored(store)))

    def test_page_can_be_left_both_ways(self, store: Store) -> None:
        """What comes before a page follows its first place in the other direction."""
        store.events.append(lines(6))
        second = store.events.page(
            EVERYTHING, after=store.events.page(EVERYTHING, limit=2).next, limit=2
        )
        assert uuids(second) == ["line-3", "line-4"]
        before = store.events.page(EVERYTHING, after=second.first, newest_first=True, limit=9)
        assert uuids(before) == ["line-2", "line-1"]
        again = store.events.page(EVERYTHING, after=before.first, limit=2)
        assert uuids(again) == ["line-3", "line-4"]

    def test_empty_page_has_no_places(self, store: Store) -> None:
        """Where there is nothing, a page is empty, and nothing follows it."""
        for newest_first in (False, True):
            page = store.events.page(EVERYTHING, newest_first=newest_first, limit=1)
            assert (len(page), page.first, page.last, page.next) == (0, None, None, None)

    def test_last_page_is_gone_on_from_when_events_arrive(self, store: Store) -> None:
        """The last place of the last page is where later events follow."""
        store.events.append(lines(2))
        page = store.events.page(EVERYTHING, limit=9)
        assert page.next is None
        store.events.append(lines(3))
        assert uuids(store.events.page(EVERYTHING, after=page.last, limit=9)) == ["line-3"]

    def test_pages_back_are_stable_while_events_arrive(self, store: Store) -> None:
        """Going back, no event comes twice or never because newer ones arrive."""
        store.events.append(lines(4))
        page = store.events.page(EVERYTHING, newest_first=True, limit=2)
        store.events.append(lines(6))
        older = store.events.page(EVERYTHING, after=page.next, newest_first=True, limit=2)
        assert uuids(older) == ["line-2", "line-1"]

    def test_place_of_an_event_is_a_cursor(self, store: Store) -> None:
        """From the place of any event pages go both ways."""
        store.events.append([*lines(5), said(1, "early", line=6)])
        for event in stored(store):
            place = locate_event(store, event.key)
            after = page_events(store, EVERYTHING, after=place).events
            before = page_events(store, EVERYTHING, after=place, newest_first=True).events
            assert [*reversed(before), event, *after] == stored(store)

    def test_unknown_event_has_no_place(self, store: Store) -> None:
        """A key that no event has raises with the key."""
        key = EventKey(Transcript("", "claude-1", "\x00"), "nobody")
        with pytest.raises(EventNotFound) as caught:
            locate_event(store, key)
        assert caught.value.key == key

    @pytest.mark.parametrize("number", [2**63, 10**30, -(10**30)])
    def test_any_place_is_one_to_page_from(self, store: Store, number: int) -> None:
        """A cursor that no page has is a place before or after all there is in its moment."""
        event = said(1, "a")
        store.events.append([event])
        for line, position in ((number, 0), (0, number)):
            place = EventCursor(event.timestamp, event.transcript, line, position)
            after = page_events(store, EVERYTHING, after=place)
            before = page_events(store, EVERYTHING, after=place, newest_first=True)
            assert (uuids(after), uuids(before)) == (([], ["a"]) if number > 0 else (["a"], []))

    def test_place_is_the_same_in_any_time_zone(self, store: Store) -> None:
        """A cursor that came back in another zone, as from a web page, marks the same place."""
        store.events.append([said(second, uuid) for second, uuid in enumerate("abc")])
        place = page_events(store, EVERYTHING, limit=2).last
        assert place is not None
        moved = place._replace(sort_at=place.sort_at.astimezone(timezone(timedelta(hours=9))))
        assert uuids(page_events(store, EVERYTHING, after=moved)) == ["c"]
        assert uuids(page_events(store, EVERYTHING, after=moved, newest_first=True)) == ["a"]

    def test_largest_limit_gives_all_events(self, mixed: Store) -> None:
        """A limit as large as limits may be narrows nothing."""
        for newest_first in (False, True):
            page = page_events(mixed, EVERYTHING, newest_first=newest_first, limit=2**63 - 1)
            assert (len(page), page.next) == (5, None)

    @pytest.mark.parametrize("limit", [0, -1])
    def test_page_needs_a_limit(self, store: Store, limit: int) -> None:
        """A page of nothing is refused."""
        with pytest.raises(InvalidValue):
            page_events(store, EVERYTHING, limit=limit)

    def test_events_for_a_session_can_be_narrowed_and_turned_round(self, mixed: Store) -> None:
        """Iterating takes the same filters, either way round."""
        mixed.sessions.add(sample_session())
        mixed.events.associate("abcde", "session-1")
        ours = get_events_for_session(
            mixed, "session-1", event_types=["user", "assistant"], newest_first=True
        )
        assert [event.uuid for event in ours] == ["c", "b", "a"]
        theirs = get_events_for_claude_session(
            mixed, "claude-1", is_sidechain=False, since=START + timedelta(seconds=2)
        )
        assert [event.uuid for event in theirs] == ["b", "d", "e"]
        with pytest.raises(InvalidValue):
            get_events_for_session(mixed, "session-1", event_types="user")

    def test_recent_events_are_the_last_in_order(self, mixed: Store) -> None:
        """The recent events of a session are its last ones, the last one last."""
        mixed.sessions.add(sample_session())
        mixed.events.associate("abcd", "session-1")
        recent = get_recent_events(mixed, "session-1", limit=2)
        assert [event.uuid for event in recent] == ["c", "d"]
        recent = get_recent_events(mixed, "session-1", limit=2, is_sidechain=False)
        assert [event.uuid for event in recent] == ["b", "d"]
        assert len(get_recent_events(mixed, "session-1")) == 4
        with pytest.raises(SessionNotFound):
            get_recent_events(mixed, "nobody")
        with pytest.raises(InvalidValue):
            get_recent_events(mixed, "session-1", limit=0)

    def test_claude_sessions_come_as_they_began(self, store: Store) -> None:
        """A session tells which of Claude Code's it consists of, and which one to resume."""
        store.sessions.add(sample_session())
        assert get_claude_sessions_for_session(store, "session-1") == []
        assert get_latest_claude_session_id(store, "session-1") is None
        ours = {"memva_session_id": "session-1"}
        store.events.append(
            [
                said(2, "a", session_id="resumed", **ours),
                said(3, "b", session_id="resumed", **ours),
                said(1, "c", session_id="the first", **ours),
                said(9, "d", session_id="the first", **ours),
                said(2, "e", session_id="at once", **ours),
                said(5, "f", session_id="foreign"),
            ]
        )
        assert get_claude_sessions_for_session(store, "session-1") == [
            "the first",
            "at once",
            "resumed",
        ]
        assert get_latest_claude_session_id(store, "session-1") == "the first"
        for odd in ("nobody", "\ud800"):
            assert store.events.claude_sessions(odd) == []
        for ask in (get_claude_sessions_for_session, get_latest_claude_session_id):
            with pytest.raises(SessionNotFound):
                ask(store, "nobody")
