"""What a store promises of the order of events."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import attrs
import pytest

from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.contract.events import stored
from memva.testing.samples import sample_event, sample_session


def at(seconds: float, line: int, *, uuid: str | None = None, **fields: object) -> Event:
    """Return a line said some seconds after the start."""
    name = f"{fields.get('subpath', '')}:{line}" if uuid is None else uuid
    when = START + timedelta(seconds=seconds)
    return sample_event(uuid=name, line=line, timestamp=when, **fields)


def uuids(store: Store) -> list[str]:
    """Return the uuids of all events, in order."""
    return [event.uuid for event in stored(store, limit=3)]


class OrderContract:
    """By the running maximum of the times, then by transcript, then by line."""

    def test_line_beats_clock(self, store: Store) -> None:
        """Within a transcript the order is that of its lines, whatever the clocks said."""
        store.events.append([at(5, 1), at(1, 2), at(9, 3), at(2, 4), at(9, 5)])
        assert uuids(store) == [":1", ":2", ":3", ":4", ":5"]

    def test_transcripts_interleave_by_time(self, store: Store) -> None:
        """Across transcripts the order is that of time."""
        store.events.append([at(1, 1), at(4, 2), at(6, 3)])
        store.events.append([at(s, n, subpath="sub") for s, n in [(2, 1), (5, 2)]])
        assert uuids(store) == [":1", "sub:1", ":2", "sub:2", ":3"]

    def test_clock_that_fell_back_holds_its_place(self, store: Store) -> None:
        """A line after a clock fell back stands where the running maximum puts it."""
        store.events.append([at(5, 1), at(1, 2)])
        store.events.append([at(4, 1, subpath="sub"), at(6, 2, subpath="sub")])
        assert uuids(store) == ["sub:1", ":1", ":2", "sub:2"]

    def test_ties_keep_a_transcript_together(self, store: Store) -> None:
        """Lines of one moment sort by project, session and subpath, then by line."""
        together = [
            at(1, n, uuid=f"{key}/{session}/{sub}/{n}", project_key=key, session_id=session,
               subpath=sub)
            for n in (2, 1)
            for sub in ("b", "", "a")
            for session in ("s2", "s1")
            for key in ("-b", "-a")
        ]  # fmt: skip
        for event in together:
            store.events.append([event])
        assert uuids(store) == sorted(event.uuid for event in together)

    @pytest.mark.parametrize("batches", [1, 4])
    def test_lines_may_come_in_any_order(self, store: Store, batches: int) -> None:
        """The order does not depend on when a line came."""
        lines = [at(3, 1), at(1, 2), at(7, 3), at(5, 4)]
        beside = [at(2, 1, subpath="sub"), at(4, 2, subpath="sub"), at(8, 3, subpath="sub")]
        expected = ["sub:1", ":1", ":2", "sub:2", ":3", ":4", "sub:3"]
        for number, arrival in enumerate(permutations(lines)):
            session = f"claude-{number}"
            events = [attrs.evolve(event, session_id=session) for event in [*arrival, *beside]]
            step = -(-len(events) // batches)
            for begin in range(0, len(events), step):
                store.events.append(events[begin : begin + step])
            page = store.events.page(EventQuery(session_id=session), limit=100)
            assert [event.uuid for event in page.events] == expected

    def test_replaced_version_gives_up_its_time(self, store: Store) -> None:
        """When a version goes, the running maximum is that of those that are there."""
        wrong = at(9, 1)
        right = attrs.evolve(wrong, timestamp=START, data={**wrong.data, "more": "fuller"})
        store.events.append([wrong, at(2, 2)])
        store.events.append([at(3, 1, subpath="sub")])
        assert uuids(store) == ["sub:1", ":1", ":2"]
        store.events.append([right])
        assert uuids(store) == [":1", ":2", "sub:1"]

    def test_streamed_lines_keep_their_order(self, store: Store) -> None:
        """Streamed lines of a transcript stand in the order they came, whatever the clocks said."""
        store.events.append([at(2, 0, uuid="a"), at(1, 0, uuid="b")])
        store.events.append([at(1.5, 0, uuid="c")])
        store.events.append([at(1.7, 1, uuid="placed")])
        assert uuids(store) == ["placed", "a", "b", "c"]

    def test_streamed_line_that_is_placed_leaves_its_sequence(self, store: Store) -> None:
        """Once the transcript has a streamed line, those streamed after it go by their own time."""
        store.events.append([at(9, 0, uuid="a"), at(1, 0, uuid="b")])
        store.events.append([at(2, 1, uuid="other"), at(9, 2, uuid="a")])
        assert uuids(store) == ["b", "other", "a"]

    def test_deleted_event_gives_up_its_time(self, store: Store) -> None:
        """When a session takes some lines of a transcript along, the others sort without them."""
        store.sessions.add(sample_session())
        store.events.append([at(9, 1, memva_session_id="session-1"), at(2, 2)])
        store.events.append([at(8, 0, uuid="a", memva_session_id="session-1"), at(1, 0, uuid="b")])
        store.events.append([at(3, 1, subpath="sub")])
        store.sessions.delete("session-1")
        assert uuids(store) == ["b", ":2", "sub:1"]

    def test_every_query_has_the_same_order(self, store: Store) -> None:
        """A session's events, a Claude session's and all of them sort alike."""
        store.sessions.add(sample_session())
        events = [at(5, 1), at(1, 2), at(2, 1, subpath="sub"), at(5, 2, subpath="sub")]
        store.events.append([attrs.evolve(event, memva_session_id="session-1") for event in events])
        expected = ["sub:1", ":1", ":2", "sub:2"]
        for query in (
            EventQuery(),
            EventQuery(session_id="claude-1"),
            EventQuery(memva_session_id="session-1"),
        ):
            assert [event.uuid for event in stored(store, query, limit=1)] == expected
