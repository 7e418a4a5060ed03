"""What a store promises of events as they are committed: position by position, none skipped."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from memva.domain.abilities import WatchableStore
from memva.domain.errors import InvalidValue, SessionNotFound, StoreUnavailable
from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.services.following import follow_events, get_last_position
from memva.testing.contract.events import lines, stored
from memva.testing.samples import sample_event, sample_session

EVERYTHING = EventQuery()
LONG = 30.0


class FeedContract:
    """The feed of what was committed."""

    def test_feed_gives_events_by_position(self, store: Store) -> None:
        """What was committed comes in the order of positions, whatever the order of the lines."""
        events = lines(4)
        store.events.append([events[3], events[1]])
        store.events.append([events[2], events[0]])
        feed = store.events.committed(EVERYTHING, after=0, limit=9)
        assert [event.line for event in feed.events] == [4, 2, 3, 1]
        assert feed.position == feed.events[-1].position == store.events.last_position()

    @pytest.mark.parametrize("limit", [1, 2, 4, 5])
    def test_feeds_join_without_seams(self, store: Store, limit: int) -> None:
        """Feeds of any size join to the whole; the last one is empty."""
        store.events.append(lines(4))
        found: list[Event] = []
        position = 0
        while (feed := store.events.committed(EVERYTHING, after=position, limit=limit)).events:
            found.extend(feed.events)
            position = feed.position
        assert [event.line for event in found] == [1, 2, 3, 4]
        assert feed.position == position

    def test_feed_goes_on_where_nothing_was_meant(self, store: Store) -> None:
        """A narrowed feed tells how far it looked, so that nobody looks there again."""
        store.sessions.add(sample_session())
        store.events.append(lines(3))
        ours = EventQuery(memva_session_id="session-1")
        feed = store.events.committed(ours, after=0, limit=1)
        assert (list(feed.events), feed.position) == ([], store.events.last_position())
        store.events.append([sample_event(uuid="ours", memva_session_id="session-1")])
        feed = store.events.committed(ours, after=feed.position, limit=1)
        assert [event.uuid for event in feed.events] == ["ours"]

    def test_feed_of_nothing(self, store: Store) -> None:
        """Before any event the last position is 0; a feed never goes back."""
        assert store.events.last_position() == 0
        assert store.events.committed(EVERYTHING, after=0, limit=1).position == 0
        assert store.events.committed(EVERYTHING, after=99, limit=1).position == 99

    def test_replaced_version_comes_again(self, store: Store) -> None:
        """A version that replaces another comes under its new position, and the old one is gone."""
        store.events.append([sample_event(), sample_event(uuid="other")])
        seen = store.events.last_position()
        store.events.append([sample_event(line=1)])
        feed = store.events.committed(EVERYTHING, after=seen, limit=9)
        assert [(event.uuid, event.line) for event in feed.events] == [("event-1", 1)]
        feed = store.events.committed(EVERYTHING, after=0, limit=9)
        assert [event.uuid for event in feed.events] == ["other", "event-1"]

    def test_repeated_event_does_not_come_again(self, store: Store) -> None:
        """A version that changes nothing takes no position, and so is not told."""
        store.events.append(lines(2))
        seen = store.events.last_position()
        store.events.append(lines(2))
        assert store.events.committed(EVERYTHING, after=seen, limit=9).events == []

    def test_uncommitted_event_is_no_part_of_others_feeds(self, store: Store) -> None:
        """An event is fed once it is committed, and never where it was undone."""
        with ThreadPoolExecutor(1) as other:

            def fed() -> list[Event]:
                feed = store.events.committed(EVERYTHING, after=0, limit=9)
                return list(feed.events)

            with pytest.raises(KeyError), store.transaction():
                store.events.append(lines(1))
                assert [event.line for event in fed()] == [1]
                assert other.submit(fed).result(LONG) == []
                raise KeyError
            assert fed() == []
            store.events.append(lines(1, session_id="claude-2"))
            assert [event.session_id for event in other.submit(fed).result(LONG)] == ["claude-2"]

    def test_event_is_fed_once_none_can_come_below_it(self, store: Store) -> None:
        """Whoever goes on from the last event that was fed misses none that was appended before."""
        with ThreadPoolExecutor(2) as others:
            with store.transaction():
                store.events.append(lines(1))
                appending = others.submit(store.events.append, lines(1, session_id="claude-2"))
                # A store that appends beside the block has done so by then.
                wait([appending], timeout=0.1)
                feed = others.submit(store.events.committed, EVERYTHING, after=0, limit=9)
                seen = list(feed.result(LONG).events)
            appending.result(LONG)
        after = max((event.position for event in seen), default=0)
        left = store.events.committed(EVERYTHING, after=after, limit=9).events
        assert {event.session_id for event in [*seen, *left]} == {"claude-1", "claude-2"}

    def test_last_position_and_page_agree_in_a_snapshot(self, store: Store) -> None:
        """In one snapshot a page and the last position are of one moment."""
        store.events.append(lines(2))
        with store.snapshot(), ThreadPoolExecutor(1) as other:
            shown = stored(store)
            other.submit(store.events.append, lines(3)).result(LONG)
            position = get_last_position(store)
            assert max(event.position for event in shown) == position
        feed = store.events.committed(EVERYTHING, after=position, limit=9)
        assert [event.line for event in feed.events] == [3]


class FollowContract:
    """Following what is committed. The fixture `store` is a `WatchableStore`."""

    def test_follower_gets_what_is_there_and_ends(self, store: WatchableStore) -> None:
        """Without time to wait, following gives what is there after the position."""
        store.events.append(lines(5))
        events = list(follow_events(store, after=0, timeout=0))
        assert [event.line for event in events] == [1, 2, 3, 4, 5]
        later = follow_events(store, after=events[2].position, timeout=0)
        assert [event.line for event in later] == [4, 5]
        assert list(follow_events(store, after=get_last_position(store), timeout=0)) == []

    def test_more_than_one_look_holds_is_followed(self, store: WatchableStore) -> None:
        """Any number of events is followed, in order."""
        store.events.append(lines(450))
        found = [event.line for event in follow_events(store, after=0, timeout=0)]
        assert found == list(range(1, 451))

    def test_follower_waits_for_what_comes(self, store: WatchableStore) -> None:
        """What is committed while somebody follows comes at once, from any thread."""
        following = follow_events(store, after=0, timeout=LONG)
        with ThreadPoolExecutor(1) as other:
            for number in range(1, 4):
                event = other.submit(next, following)
                time.sleep(0.02)
                begin = time.monotonic()
                store.events.append(lines(number))
                assert event.result(LONG).line == number
                assert time.monotonic() - begin < LONG / 2

    def test_following_can_be_narrowed(self, store: WatchableStore) -> None:
        """A follower gets the events of one session, one Claude session, one type, one side."""
        store.sessions.add(sample_session())
        store.events.append(
            [
                sample_event(uuid="a", memva_session_id="session-1"),
                sample_event(uuid="b", session_id="claude-2", event_type="assistant"),
                sample_event(uuid="c", is_sidechain=True),
            ]
        )

        def followed(**narrowing: Any) -> list[str]:
            events = follow_events(store, after=0, timeout=0, **narrowing)
            return [event.uuid for event in events]

        assert followed(session_id="session-1") == ["a"]
        assert followed(claude_session_id="claude-2") == ["b"]
        assert followed(event_types=["user"]) == ["a", "c"]
        assert followed(is_sidechain=True) == ["c"]

    def test_follower_is_told_what_is_wrong_at_once(self, store: WatchableStore) -> None:
        """A session that is not there and impossible arguments raise before anything is awaited."""
        with pytest.raises(SessionNotFound):
            follow_events(store, after=0, session_id="nobody")
        with pytest.raises(InvalidValue):
            follow_events(store, after=-1)
        for timeout in (-1.0, float("nan")):
            with pytest.raises(InvalidValue):
                follow_events(store, after=0, timeout=timeout)

    def test_following_ends_after_its_time_alone(self, store: WatchableStore) -> None:
        """Commits of anything but what is followed do not lengthen the wait."""
        stop = threading.Event()

        def busy() -> None:
            number = 0
            while not stop.wait(0.02):
                number += 1
                store.sessions.add(sample_session(id=f"session-{number}"))

        with ThreadPoolExecutor(1) as other:
            working = other.submit(busy)
            try:
                begin = time.monotonic()
                assert list(follow_events(store, after=0, timeout=0.2)) == []
                assert 0.2 <= time.monotonic() - begin < LONG / 2
            finally:
                stop.set()
            working.result(LONG)

    def test_wait_begins_when_the_follower_asks(self, store: WatchableStore) -> None:
        """Who takes long over an event is not taken for one who waited in vain."""
        store.events.append(lines(1))
        following = follow_events(store, after=0, timeout=1)
        assert next(following).line == 1
        time.sleep(1.1)
        with ThreadPoolExecutor(1) as other:
            event = other.submit(next, following)
            time.sleep(0.05)
            store.events.append(lines(2))
            assert event.result(LONG).line == 2

    def test_follower_of_a_closed_store_is_told(self, store: WatchableStore) -> None:
        """Who follows a store that is closed meanwhile is told so."""
        following = follow_events(store, after=0)
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(next, following)
            time.sleep(0.05)
            store.close()
            assert isinstance(waiting.exception(LONG), StoreUnavailable)

    def test_every_follower_gets_everything(self, store: WatchableStore) -> None:
        """Several followers get the same events, while several threads write them."""
        writers, each = 3, 40

        def write(writer: int) -> None:
            for number in range(each):
                store.events.append([sample_event(uuid=f"{writer}/{number}")])

        def follow() -> list[int]:
            following = follow_events(store, after=0, timeout=LONG)
            return [next(following).position for _ in range(writers * each)]

        with ThreadPoolExecutor(writers + 2) as threads:
            followers = [threads.submit(follow) for _ in range(2)]
            for writer in range(writers):
                threads.submit(write, writer)
            one, other = (follower.result(LONG) for follower in followers)
        assert one == other == sorted(set(one))
