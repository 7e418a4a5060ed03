"""What a store promises that outlives its process: what was committed is there when it opens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.domain.versions import Appended
from memva.testing.contract.claims import claim
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.events import lines, stored
from memva.testing.contract.jobs import all_jobs
from memva.testing.contract.text import ODD_JSON
from memva.testing.contract.transactions import counts, take_turns, write_everything
from memva.testing.samples import sample_event, sample_job, sample_session


class DurabilityContract:
    """Closing and opening again changes nothing."""

    def test_everything_is_there_again(self, open_store: Callable[[], Store]) -> None:
        """Sessions, events, jobs and cursors come back equal from a store opened anew."""
        with closing(open_store()) as store:
            write_everything(store)
            event = store.events.get(sample_event().key)
            [job] = claim(store)
        with closing(open_store()) as store:
            assert store.sessions.get("session-1") == sample_session()
            assert store.events.get(sample_event().key) == event
            assert store.jobs.get("job-1") == job
            assert store.cursors.get("file-1") == sample_cursor()

    def test_odd_json_is_there_again(self, open_store: Callable[[], Store]) -> None:
        """JSON that breaks databases comes back from the disk as it went there."""
        events = [sample_event(uuid=name, data=value) for name, value in ODD_JSON.items()]
        with closing(open_store()) as store:
            store.events.append(events)
        with closing(open_store()) as store:
            assert {e.uuid: repr(e.data) for e in stored(store)} == {
                name: repr(value) for name, value in ODD_JSON.items()
            }

    def test_appending_again_is_still_idempotent(self, open_store: Callable[[], Store]) -> None:
        """What one process appended changes nothing when another appends it."""
        with closing(open_store()) as store:
            store.events.append(lines(3))
        with closing(open_store()) as store:
            assert store.events.append(lines(4)) == Appended(added=1, unchanged=3)

    def test_position_is_not_reused_after_opening(self, open_store: Callable[[], Store]) -> None:
        """Positions go on from the highest ever given, deleted ones included."""
        event = sample_event(memva_session_id="session-1")
        with closing(open_store()) as store:
            store.sessions.add(sample_session())
            store.events.append([event])
            last = store.events.get(event.key).position
            store.sessions.delete("session-1")
        with closing(open_store()) as store:
            store.events.append([sample_event()])
            assert store.events.get(event.key).position > last

    def test_deletion_is_still_remembered(self, open_store: Callable[[], Store]) -> None:
        """A deleted session stays deleted in a store opened anew, until it is forgotten."""
        with closing(open_store()) as store:
            store.sessions.add(sample_session())
            store.sessions.delete("session-1")
        with closing(open_store()) as store:
            assert store.sessions.is_deleted("session-1")
            store.sessions.forget_deletion("session-1")
        with closing(open_store()) as store:
            assert not store.sessions.is_deleted("session-1")

    def test_store_may_be_open_twice(self, open_store: Callable[[], Store]) -> None:
        """Two stores opened in one process see each other's commits, and may close in any order."""
        with closing(open_store()) as one, closing(open_store()) as other:
            write_everything(one)
            assert counts(other) == (1, 1, 1, 1)
            one.close()
            other.jobs.add([sample_job(id="job-2")])
        with closing(open_store()) as store:
            assert len(all_jobs(store)) == 2

    def test_blocks_of_all_who_opened_it_take_turns(self, open_store: Callable[[], Store]) -> None:
        """Blocks run one after the other, also those of a store that was opened twice."""
        with closing(open_store()) as one, closing(open_store()) as other:
            take_turns([one, other])

    def test_page_goes_on_after_opening(self, open_store: Callable[[], Store]) -> None:
        """A cursor is good for a store that is opened anew."""
        with closing(open_store()) as store:
            store.events.append(lines(5))
            cursor = store.events.page(EventQuery(), limit=2).next
        with closing(open_store()) as store:
            page = store.events.page(EventQuery(), after=cursor, limit=9)
            assert [event.line for event in page.events] == [3, 4, 5]
