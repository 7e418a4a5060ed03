"""What a store promises that gives back its transcripts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from memva.domain.abilities import TranscriptStore
from memva.domain.errors import InvalidValue, SessionNotFound
from memva.domain.event import Event, Transcript
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.testing.clock import START
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.events import stored
from memva.testing.samples import sample_event, sample_session

MAIN = Transcript("-code-app", "claude-1", "")
SUBAGENT = MAIN._replace(subpath="subagents/agent-1")
NESTED = MAIN._replace(subpath="subagents/workflows/run-1/agent-2")
OTHER = MAIN._replace(session_id="claude-2")
OTHER_PROJECT = MAIN._replace(project_key="-code-site")
NOWHERE = [MAIN, OTHER._replace(session_id="\x00"), MAIN._replace(subpath="\ud800")]
SECOND = timedelta(seconds=1)


def line(number: int, of: Transcript = MAIN, **fields: Any) -> Event:
    """Return the event of a line, said as many seconds after the start as its number."""
    return sample_event(
        **{
            "uuid": f"line-{number}",
            "line": number,
            "timestamp": START + number * SECOND,
            **of._asdict(),
            **fields,
        }
    )


def uuids(store: TranscriptStore, transcript: Transcript, **options: Any) -> list[str]:
    """Return the uuids of a transcript's lines."""
    found = store.transcripts.lines(transcript, **{"limit": 100, **options})
    return [event.uuid for event in found]


def summary(up_to_line: int = 1) -> TranscriptSummary:
    """Return a summary with text that is hard to keep."""
    return TranscriptSummary(data={"first": "\x00\ud800", "count": 2**70}, up_to_line=up_to_line)


class TranscriptContract:
    """Keeping transcripts. The fixture `store` is a `TranscriptStore`."""

    def test_transcripts_are_found(self, store: TranscriptStore) -> None:
        """Those with a line are there, by project, session and subpath, with where they end."""
        of = [OTHER_PROJECT, OTHER, NESTED, SUBAGENT, MAIN]
        store.events.append([line(n, transcript) for transcript in of for n in (2, 7, 5)])
        assert store.transcripts.find() == [
            StoredTranscript(transcript, 7, START + 7 * SECOND)
            for transcript in [MAIN, SUBAGENT, NESTED, OTHER, OTHER_PROJECT]
        ]

    @pytest.mark.parametrize(
        ("narrowing", "expected"),
        [
            ({"project_key": "-code-app"}, [MAIN, SUBAGENT, OTHER]),
            ({"session_id": "claude-1"}, [MAIN, SUBAGENT, OTHER_PROJECT]),
            ({"subpath": ""}, [MAIN, OTHER, OTHER_PROJECT]),
            ({"project_key": "-code-app", "session_id": "claude-1"}, [MAIN, SUBAGENT]),
            ({"project_key": "-code-app", "subpath": ""}, [MAIN, OTHER]),
            ({"project_key": "\x00"}, []),
            ({"session_id": "\ud800"}, []),
            ({"subpath": "nowhere"}, []),
        ],
    )
    def test_transcripts_are_narrowed(
        self, store: TranscriptStore, narrowing: dict[str, str], expected: list[Transcript]
    ) -> None:
        """Each argument narrows to what is just so."""
        store.events.append([line(1, of) for of in (MAIN, SUBAGENT, OTHER, OTHER_PROJECT)])
        assert [found.transcript for found in store.transcripts.find(**narrowing)] == expected

    def test_streamed_transcript_is_not_there(self, store: TranscriptStore) -> None:
        """Without a line there is no transcript; with the first one there is."""
        store.events.append([line(0)])
        assert store.transcripts.find() == []
        assert uuids(store, MAIN) == []
        assert uuids(store, MAIN, after=LinePlace(0, 0)) == []
        store.events.append([line(1)])
        assert [found.transcript for found in store.transcripts.find()] == [MAIN]
        assert uuids(store, MAIN) == ["line-1"]

    def test_lines_come_in_their_order(self, store: TranscriptStore) -> None:
        """A transcript's events come by line, whatever their times; ties by position."""
        store.events.append([line(3, timestamp=START), line(1), line(2, SUBAGENT)])
        store.events.append([line(2), line(1, uuid="tied", timestamp=START - SECOND)])
        assert uuids(store, MAIN) == ["line-1", "tied", "line-2", "line-3"]

    def test_lines_come_page_by_page(self, store: TranscriptStore) -> None:
        """What follows a place comes, whether its event is there or not, and however many tie."""
        store.events.append([line(1), line(2), line(2, uuid="tied"), line(2, uuid="too"), line(4)])
        found: list[str] = []
        after = None
        while page := store.transcripts.lines(MAIN, after=after, limit=2):
            found += [event.uuid for event in page]
            after = LinePlace.of(page[-1])
        assert found == ["line-1", "line-2", "tied", "too", "line-4"]
        assert uuids(store, MAIN, after=LinePlace(3, 0)) == ["line-4"]
        assert uuids(store, MAIN, after=LinePlace(2**80, 2**80)) == []
        assert uuids(store, MAIN, after=LinePlace(-(2**80), 0)) == found

    @pytest.mark.parametrize("transcript", NOWHERE)
    def test_nothing_is_known_of_no_transcript(
        self, store: TranscriptStore, transcript: Transcript
    ) -> None:
        """A transcript that is not there has no lines; nothing is kept of it."""
        store.transcripts.note_appended(transcript, "line-1", at=START)
        store.transcripts.keep_summary(transcript, summary())
        assert store.transcripts.summary(transcript) is None
        assert store.transcripts.lines(transcript, limit=1) == []
        assert store.transcripts.delete(transcript) == 0
        assert store.transcripts.find() == []

    def test_appending_is_noted(self, store: TranscriptStore) -> None:
        """A transcript was written at the latest of its lines' times and of what was noted."""

        def told() -> list[tuple[timedelta, str | None]]:
            found = store.transcripts.find()
            return [(each.written_at - START, each.last_appended) for each in found]

        store.events.append([line(5), line(6, OTHER)])
        assert told() == [(5 * SECOND, None), (6 * SECOND, None)]
        store.transcripts.note_appended(MAIN, "line-5", at=START + 8 * SECOND)
        assert told() == [(8 * SECOND, "line-5"), (6 * SECOND, None)]
        store.transcripts.note_appended(MAIN, "line-6", at=START + 7 * SECOND)
        assert told() == [(8 * SECOND, "line-6"), (6 * SECOND, None)]
        store.events.append([line(9), line(10, timestamp=START)])
        assert told() == [(9 * SECOND, "line-6"), (6 * SECOND, None)]

    def test_summary_comes_back_equal(self, store: TranscriptStore) -> None:
        """A summary is kept as it was given, one for each transcript, the last one given."""
        store.events.append([line(1), line(1, OTHER)])
        assert store.transcripts.summary(MAIN) is None
        store.transcripts.keep_summary(MAIN, summary())
        store.transcripts.keep_summary(MAIN, summary(2))
        assert store.transcripts.summary(MAIN) == summary(2)
        assert store.transcripts.summary(OTHER) is None

    def test_summary_must_be_json(self, store: TranscriptStore) -> None:
        """A summary that is no JSON is refused, and the one before it stays."""
        store.events.append([line(1)])
        store.transcripts.keep_summary(MAIN, summary())
        broken: Any = {"when": START}
        with pytest.raises(InvalidValue):
            store.transcripts.keep_summary(MAIN, TranscriptSummary(data=broken, up_to_line=1))
        assert store.transcripts.summary(MAIN) == summary()

    def test_main_conversation_is_deleted_with_its_subagents(self, store: TranscriptStore) -> None:
        """Deleting a main conversation takes its subagents' along, streamed events too."""
        for id_ in ("session-1", "session-2"):
            store.sessions.add(sample_session(id=id_))
        gone = [MAIN, SUBAGENT, NESTED]
        for of in [*gone, OTHER, OTHER_PROJECT]:
            source = "/".join(of)
            for n in (0, 1):
                event = line(n, of, uuid=f"{source}-{n}", memva_session_id="session-1")
                store.events.append([event])
            store.cursors.put(sample_cursor(source=source, transcript=of))
        assert store.transcripts.delete(MAIN) == 6
        assert [found.transcript for found in store.transcripts.find()] == [OTHER, OTHER_PROJECT]
        assert {event.transcript for event in stored(store)} == {OTHER, OTHER_PROJECT}
        assert len(stored(store)) == 4
        assert [of for of in gone if store.cursors.get("/".join(of))] == []
        assert store.cursors.get("/".join(OTHER_PROJECT)) is not None
        assert store.sessions.get("session-1").id == "session-1"

    def test_subagent_is_deleted_alone(self, store: TranscriptStore) -> None:
        """Deleting a subagent's transcript leaves the others, and is not remembered."""
        store.events.append([line(1, of) for of in (MAIN, SUBAGENT, NESTED)])
        assert store.transcripts.delete(SUBAGENT) == 1
        assert [found.transcript for found in store.transcripts.find()] == [MAIN, NESTED]
        assert not store.sessions.is_deleted("claude-1")

    def test_deleted_conversation_is_remembered(self, store: TranscriptStore) -> None:
        """Claude Code's session is remembered as deleted with its last event, not before."""
        store.events.append([line(1), line(1, OTHER_PROJECT)])
        store.transcripts.delete(MAIN)
        assert not store.sessions.is_deleted("claude-1")
        store.transcripts.delete(OTHER_PROJECT)
        assert store.sessions.is_deleted("claude-1")

    def test_nothing_is_left_of_what_was_deleted(self, store: TranscriptStore) -> None:
        """A transcript that comes again has neither the summary nor the moment of the old one."""
        for delete in (self._delete_transcript, self._delete_session):
            store.sessions.add(sample_session())
            store.events.append([line(1, memva_session_id="session-1")])
            store.transcripts.note_appended(MAIN, "line-1", at=START + 60 * SECOND)
            store.transcripts.keep_summary(MAIN, summary())
            delete(store)
            assert store.transcripts.summary(MAIN) is None
            store.events.append([line(2)])
            assert store.transcripts.summary(MAIN) is None
            assert store.transcripts.find() == [StoredTranscript(MAIN, 2, START + 2 * SECOND)]
            store.transcripts.delete(MAIN)

    def _delete_transcript(self, store: TranscriptStore) -> None:
        store.transcripts.delete(MAIN)
        store.sessions.delete("session-1")

    def _delete_session(self, store: TranscriptStore) -> None:
        store.sessions.delete("session-1")

    def test_shortened_transcript_loses_its_summary(self, store: TranscriptStore) -> None:
        """One that loses some events by the deletion of a session is there, without a summary."""
        store.sessions.add(sample_session())
        store.events.append([line(1, memva_session_id="session-1"), line(2)])
        store.transcripts.keep_summary(MAIN, summary())
        store.sessions.delete("session-1")
        assert store.transcripts.summary(MAIN) is None
        assert [found.last_line for found in store.transcripts.find()] == [2]

    @pytest.mark.parametrize(
        "change",
        [
            line(3),
            line(4, uuid="tied"),
            line(2, data={"type": "user", "fuller": "x" * 100}),
            line(1, uuid="line-4"),
            line(9, uuid="line-2", data={"type": "user", "fuller": "x" * 100}),
        ],
        ids=["comes before", "ties", "is fuller", "moves up", "moves away"],
    )
    def test_changed_transcript_loses_its_summary(
        self, store: TranscriptStore, change: Event
    ) -> None:
        """A summary goes with a change to the lines that it speaks of, not with those after it."""
        store.events.append([line(2), line(4)])
        store.transcripts.keep_summary(MAIN, summary(4))
        store.events.append([line(2), line(5), line(1, OTHER), line(0, uuid="streamed")])
        assert store.transcripts.summary(MAIN) == summary(4)
        store.events.append([change])
        assert store.transcripts.summary(MAIN) is None

    def test_what_is_undone_leaves_transcripts_as_they_were(self, store: TranscriptStore) -> None:
        """Everything about transcripts takes effect with the transaction that it stands in."""
        store.events.append([line(1)])
        with pytest.raises(KeyError), store.transaction():
            store.transcripts.note_appended(MAIN, "line-1", at=START + 60 * SECOND)
            store.transcripts.keep_summary(MAIN, summary())
            store.events.append([line(1, OTHER)])
            store.transcripts.delete(MAIN)
            raise KeyError
        assert store.transcripts.find() == [StoredTranscript(MAIN, 1, START + SECOND)]
        assert store.transcripts.summary(MAIN) is None

    def test_transcript_may_belong_to_an_unknown_project(self, store: TranscriptStore) -> None:
        """An empty project key is one like any other."""
        store.events.append([line(1, MAIN._replace(project_key=""))])
        [found] = store.transcripts.find(project_key="")
        assert found.transcript.project_key == ""
        with pytest.raises(SessionNotFound):
            store.sessions.get("claude-1")
