"""What a store promises of several versions of one event."""

from __future__ import annotations

from itertools import permutations

import attrs
import pytest

from memva.domain.errors import EventNotFound
from memva.domain.event import Event
from memva.domain.ports import Store
from memva.domain.versions import Appended
from memva.testing.contract.events import stored
from memva.testing.samples import sample_event, sample_session


def answer(text: str, *, stop_reason: str | None, line: int = 0, subpath: str = "") -> Event:
    """Return a version of one answer of Claude Code's."""
    return sample_event(
        uuid="answer",
        event_type="assistant",
        line=line,
        subpath=subpath,
        data={"message": {"stop_reason": stop_reason, "content": text}},
    )


STREAMED = answer("half", stop_reason=None)
PROVISIONAL = answer("a long one, and not yet finished", stop_reason=None, line=4)
FINAL = answer("half", stop_reason="end_turn", line=4)
FULLER = answer("the whole of it", stop_reason="end_turn", line=4)


class VersionContract:
    """One version is kept whole, whichever came first."""

    def test_preferred_version_takes_a_new_position(self, store: Store) -> None:
        """A version that replaces another is seen again by those who follow positions."""
        store.events.append([PROVISIONAL, sample_event(uuid="later", line=5)])
        later = store.events.get(sample_event(uuid="later").key).position
        assert store.events.append([FINAL]) == Appended(replaced=1)
        kept = store.events.get(FINAL.key)
        assert kept.data == FINAL.data
        assert kept.position > later

    def test_poorer_version_changes_nothing(self, store: Store) -> None:
        """A version that is not preferred leaves the stored one and its position."""
        store.events.append([FULLER])
        before = store.events.get(FULLER.key)
        assert store.events.append([FINAL, PROVISIONAL, STREAMED]) == Appended(unchanged=3)
        assert store.events.get(FULLER.key) == before

    @pytest.mark.parametrize("versions", list(permutations([STREAMED, PROVISIONAL, FINAL, FULLER])))
    def test_outcome_does_not_depend_on_the_order(
        self, store: Store, versions: tuple[Event, ...]
    ) -> None:
        """Transcript before stream, final before provisional, fuller before poorer: always."""
        for version in versions:
            store.events.append([version])
        [kept] = stored(store)
        assert attrs.evolve(kept, position=0) == FULLER

    def test_versions_in_one_batch(self, store: Store) -> None:
        """Versions that come in one batch are reconciled like those that come apart."""
        store.events.append([STREAMED, FULLER, PROVISIONAL])
        [kept] = stored(store)
        assert attrs.evolve(kept, position=0) == FULLER

    def test_positions_that_are_given_mean_nothing(self, store: Store) -> None:
        """Events that another store gave are stored as any others, and nothing goes for them."""
        store.events.append([sample_event(uuid=uuid, line=1) for uuid in "abc"])
        [_, there, _] = stored(store)
        elsewhere = [attrs.evolve(STREAMED, position=there.position), FULLER]
        assert store.events.append(elsewhere) == Appended(added=1, unchanged=1)
        assert store.events.get(there.key) == there
        assert store.events.get(FULLER.key).data == FULLER.data
        assert len(stored(store)) == 4

    @pytest.mark.parametrize("streamed_first", [True, False])
    def test_streamed_line_takes_the_transcripts_place(
        self, store: Store, streamed_first: bool
    ) -> None:
        """A streamed line that does not know its transcript becomes one with the line in it."""
        placed = answer("done", stop_reason="end_turn", line=2, subpath="subagents/agent-1")
        versions = [STREAMED, placed] if streamed_first else [placed, STREAMED]
        for version in versions:
            store.events.append([version])
        assert [attrs.evolve(event, position=0) for event in stored(store)] == [placed]
        with pytest.raises(EventNotFound):
            store.events.get(STREAMED.key)

    def test_streamed_line_of_another_session_is_another(self, store: Store) -> None:
        """A streamed line is matched within its own session of Claude Code's alone."""
        store.events.append([FINAL, attrs.evolve(STREAMED, session_id="claude-2")])
        assert len(stored(store)) == 2

    def test_association_stays_with_the_event(self, store: Store) -> None:
        """An association that was made outlives the version it was made on."""
        store.sessions.add(sample_session())
        store.events.append([attrs.evolve(STREAMED, memva_session_id="session-1")])
        store.events.append([FINAL])
        assert store.events.get(FINAL.key).memva_session_id == "session-1"

    def test_association_reaches_a_stored_event(self, store: Store) -> None:
        """An event that comes again with an association takes it, whichever version is kept."""
        store.sessions.add(sample_session())
        store.events.append([FULLER])
        store.events.append([attrs.evolve(PROVISIONAL, memva_session_id="session-1")])
        kept = store.events.get(FULLER.key)
        assert kept.data == FULLER.data
        assert kept.memva_session_id == "session-1"
