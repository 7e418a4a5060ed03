"""What a store promises of events, but for their order and their versions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import attrs
import pytest

from memva.domain.errors import EventNotFound, InvalidValue, SessionNotFound
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.domain.versions import Appended
from memva.testing.clock import START
from memva.testing.samples import sample_event, sample_session

MAIN = Transcript("-code-app", "claude-1", "")


def lines(count: int, **fields: Any) -> list[Event]:
    """Return `count` lines of one transcript, a second apart."""
    return [
        sample_event(
            **{
                "uuid": f"line-{number}",
                "line": number,
                "timestamp": START + timedelta(seconds=number),
                **fields,
            }
        )
        for number in range(1, count + 1)
    ]


def stored(store: Store, query: EventQuery | None = None, *, limit: int = 100) -> list[Event]:
    """Return the events of `query`, or all, in order, read in pages of `limit`."""
    found: list[Event] = []
    page = store.events.page(query or EventQuery(), limit=limit)
    found.extend(page.events)
    while page.next is not None:
        page = store.events.page(query or EventQuery(), after=page.next, limit=limit)
        found.extend(page.events)
    return found


class EventContract:
    """Appending, getting, paging and associating events."""

    def test_event_comes_back_equal(self, store: Store) -> None:
        """Every field of an event comes back as it was stored, with its position."""
        store.sessions.add(sample_session())
        event = sample_event(
            event_type="a type of tomorrow",
            is_sidechain=True,
            parent_uuid="event-0",
            memva_session_id="session-1",
            subpath="subagents/agent-1",
            line=7,
        )
        assert store.events.append([event]) == Appended(added=1)
        back = store.events.get(event.key)
        assert attrs.evolve(back, position=0) == event
        assert back.position > 0

    def test_event_may_be_bare(self, store: Store) -> None:
        """What may be None or empty comes back so."""
        event = Event(uuid="u", session_id="s", event_type="x", timestamp=START, data={})
        store.events.append([event])
        assert attrs.evolve(store.events.get(event.key), position=0) == event

    def test_positions_rise_in_the_order_given(self, store: Store) -> None:
        """Positions rise with each event and each call."""
        first = lines(3)
        store.events.append(first[:2])
        store.events.append(first[2:])
        positions = [store.events.get(event.key).position for event in first]
        assert positions == sorted(set(positions))

    def test_position_is_never_reused(self, store: Store) -> None:
        """Not even the last position comes again after its event was deleted."""
        store.sessions.add(sample_session())
        event = sample_event(memva_session_id="session-1")
        store.events.append([event])
        last = store.events.get(event.key).position
        store.sessions.delete("session-1")
        store.events.append([sample_event()])
        assert store.events.get(event.key).position > last

    def test_nothing_appended_is_nothing(self, store: Store) -> None:
        """An empty batch is no error."""
        assert store.events.append([]) == Appended()

    def test_append_is_idempotent(self, store: Store) -> None:
        """Appending again, in whole or in part, changes nothing, positions included."""
        events = lines(5)
        store.events.append(events)
        before = stored(store)
        assert store.events.append(events[2:]) == Appended(unchanged=3)
        assert store.events.append(events) == Appended(unchanged=5)
        assert stored(store) == before

    def test_event_given_twice_at_once_is_stored_once(self, store: Store) -> None:
        """A batch that repeats an event stores it once."""
        assert store.events.append([*lines(2), *lines(2)]) == Appended(added=2, unchanged=2)
        assert len(stored(store)) == 2

    def test_batch_takes_effect_whole(self, store: Store) -> None:
        """One event that cannot be stored keeps the whole batch out."""
        batch = [*lines(2), sample_event(uuid="bad", memva_session_id="nobody")]
        with pytest.raises(SessionNotFound) as caught:
            store.events.append(batch)
        assert caught.value.session_id == "nobody"
        with pytest.raises(InvalidValue) as refused:
            store.events.append([*lines(2), sample_event(uuid="bad", data={"x": object()})])
        assert refused.value.field == "data"
        assert stored(store) == []

    def test_version_that_changes_nothing_is_checked_too(self, store: Store) -> None:
        """What is refused does not depend on what is stored already."""
        store.sessions.add(sample_session())
        store.events.append(lines(1, memva_session_id="session-1"))
        with pytest.raises(SessionNotFound) as caught:
            store.events.append(lines(1, memva_session_id="nobody"))
        assert caught.value.session_id == "nobody"
        with pytest.raises(InvalidValue) as refused:
            store.events.append(lines(1, data={"x": float("nan")}))
        assert refused.value.field == "data"

    def test_fork_repeats_uuids(self, store: Store) -> None:
        """The same uuid in another session, subagent or project is another event."""
        places: list[dict[str, Any]] = [
            {"line": 1},
            {"line": 1, "session_id": "claude-2"},
            {"line": 1, "subpath": "subagents/agent-1"},
            {"line": 1, "project_key": "-code-other"},
        ]
        events = [sample_event(**place) for place in places]
        assert store.events.append(events) == Appended(added=4)
        assert [attrs.evolve(store.events.get(e.key), position=0) for e in events] == events

    @pytest.mark.parametrize("part", ["nobody", "", "\x00", "\ud800"])
    def test_unknown_event_is_not_found(self, store: Store, part: str) -> None:
        """A key that no event has, or could have, raises a `LookupError` that keeps it."""
        key = EventKey(Transcript(part, part, part), part)
        with pytest.raises(EventNotFound) as caught:
            store.events.get(key)
        assert caught.value.key == key
        assert isinstance(caught.value, LookupError)

    def test_query_narrows(self, store: Store) -> None:
        """A query gives the events of its session, of its Claude session, or of both."""
        for id_ in ("one", "two"):
            store.sessions.add(sample_session(id=id_))
        store.events.append(
            [
                sample_event(uuid="a", memva_session_id="one"),
                sample_event(uuid="b", memva_session_id="two"),
                sample_event(uuid="c", memva_session_id="one", session_id="claude-2"),
                sample_event(uuid="d", session_id="claude-2"),
            ]
        )

        def uuids(query: EventQuery) -> set[str]:
            return {event.uuid for event in stored(store, query)}

        assert uuids(EventQuery()) == {"a", "b", "c", "d"}
        assert uuids(EventQuery(memva_session_id="one")) == {"a", "c"}
        assert uuids(EventQuery(session_id="claude-2")) == {"c", "d"}
        assert uuids(EventQuery(memva_session_id="one", session_id="claude-2")) == {"c"}
        assert uuids(EventQuery(memva_session_id="nobody")) == set()

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 100])
    def test_pages_join_without_seams(self, store: Store, limit: int) -> None:
        """Pages of any size join to the whole; the last one has no cursor."""
        store.events.append(lines(6))
        assert [event.line for event in stored(store, limit=limit)] == [1, 2, 3, 4, 5, 6]
        whole = store.events.page(EventQuery(), limit=6)
        assert whole.next is None
        assert store.events.page(EventQuery(), limit=5).next is not None

    def test_page_cursor_outlives_changes(self, store: Store) -> None:
        """A cursor stays good when events come, and when its own event goes."""
        store.sessions.add(sample_session())
        events = lines(4)
        store.events.append([attrs.evolve(events[1], memva_session_id="session-1")])
        store.events.append([events[0], *events[2:]])
        page = store.events.page(EventQuery(), limit=2)
        assert [event.line for event in page.events] == [1, 2]
        store.sessions.delete("session-1")
        store.events.append([sample_event(uuid="new", line=5, timestamp=START)])
        after = store.events.page(EventQuery(), after=page.next, limit=100)
        assert [event.line for event in after.events] == [3, 4, 5]

    def test_association_means_every_event_with_the_uuid(self, store: Store) -> None:
        """Associating takes the event in every fork, and leaves positions as they are."""
        store.sessions.add(sample_session())
        store.events.append([*lines(2), *lines(2, session_id="claude-2")])
        before = {event.key: event.position for event in stored(store)}
        assert store.events.associate(["line-1", "unknown"], "session-1") == 2
        associated = stored(store, EventQuery(memva_session_id="session-1"))
        assert {event.key.transcript.session_id for event in associated} == {"claude-1", "claude-2"}
        assert {event.key: event.position for event in stored(store)} == before

    def test_association_can_be_narrowed(self, store: Store) -> None:
        """A Claude session narrows an association to its own events."""
        store.sessions.add(sample_session())
        store.events.append([*lines(2), *lines(2, session_id="claude-2")])
        uuids = ["line-1", "line-2"]
        assert store.events.associate(uuids, "session-1", session_id="claude-2") == 2
        associated = stored(store, EventQuery(memva_session_id="session-1"))
        assert {event.session_id for event in associated} == {"claude-2"}

    def test_association_can_be_changed(self, store: Store) -> None:
        """A later association takes the place of the one before."""
        for id_ in ("one", "two"):
            store.sessions.add(sample_session(id=id_))
        store.events.append(lines(1))
        store.events.associate(["line-1"], "one")
        assert store.events.associate(["line-1"], "two") == 1
        assert stored(store, EventQuery(memva_session_id="one")) == []

    def test_association_takes_uuids_to_the_letter(self, store: Store) -> None:
        """No event is associated for a uuid that only begins as its own does."""
        store.sessions.add(sample_session())
        store.events.append(lines(1))
        assert store.events.associate(["line-1\x00", "line-1\ud800", "line-"], "session-1") == 0
        assert stored(store, EventQuery(memva_session_id="session-1")) == []

    @pytest.mark.parametrize("session_id", ["nobody", "\ud800"])
    def test_association_needs_its_session(self, store: Store, session_id: str) -> None:
        """Events are not associated with a session that is not there."""
        store.events.append(lines(1))
        with pytest.raises(SessionNotFound) as caught:
            store.events.associate(["line-1"], session_id)
        assert caught.value.session_id == session_id

    def test_associated_session_is_that_of_the_last_event(self, store: Store) -> None:
        """A Claude session belongs to the session that its last associated event belongs to."""
        for id_ in ("one", "two"):
            store.sessions.add(sample_session(id=id_))
        store.events.append(lines(4))
        assert store.events.associated_session("claude-1") is None
        store.events.associate(["line-3"], "one")
        store.events.associate(["line-2"], "two")
        assert store.events.associated_session("claude-1") == "one"
        assert store.events.associated_session("claude-2") is None

    def test_last_line_of_a_transcript(self, store: Store) -> None:
        """The last line is that of the transcript itself; streamed lines have no place."""
        assert store.events.last_line(MAIN) == 0
        store.events.append([sample_event(uuid="streamed")])
        assert store.events.last_line(MAIN) == 0
        store.events.append([*lines(3), *lines(9, subpath="subagents/agent-1")])
        assert store.events.last_line(MAIN) == 3

    def test_count_lines_by_prefix(self, store: Store) -> None:
        """Lines are counted by the beginning of their uuid, up to a line, in one transcript."""
        prefix = "11111111-1111-8111-8111-1111"
        store.events.append(
            [
                sample_event(uuid=f"{prefix}00000000", line=1),
                sample_event(uuid=f"{prefix}00000001", line=5),
                sample_event(uuid=f"{prefix}00000002", line=9),
                sample_event(uuid=f"{prefix}00000003", line=0),
                sample_event(uuid="11111111-1111-8111-8111-111200000000", line=2),
                sample_event(uuid=f"{prefix}00000000", line=1, subpath="subagents/agent-1"),
            ]
        )
        assert store.events.count_lines(MAIN, uuid_prefix=prefix, up_to_line=5) == 2
        assert store.events.count_lines(MAIN, uuid_prefix=prefix, up_to_line=99) == 3
        assert store.events.count_lines(MAIN, uuid_prefix="2", up_to_line=99) == 0

    def test_data_belongs_to_its_caller(self, store: Store) -> None:
        """A caller who changes what it was given, or gave, changes nothing stored."""
        given: dict[str, Any] = {"list": [1]}
        event = sample_event(data=given)
        store.events.append([event])
        given["list"].append(2)
        got = cast("dict[str, Any]", store.events.get(event.key).data)
        got["list"].append(3)
        assert store.events.get(event.key).data == {"list": [1]}
        assert stored(store)[0].data == {"list": [1]}
