"""What a watch looks at in each round, and when it ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from tests.importing.conftest import History, events

from memva import (
    ImportProblem,
    ImportProgress,
    InvalidValue,
    SourceUnreadable,
    Store,
    Transcript,
    list_sessions,
    watch_transcripts,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.domain import SourceTranscript, SourceVersions

AT_ONCE = 1e-9
NEVER = 1e9


class Told(TranscriptFiles):
    """A source that tells of changes when a test says so, and notes what it is asked for."""

    def __init__(self, history: History) -> None:
        super().__init__(history.root)
        self.changed: list[list[str]] = []
        self.asked: list[object] = []
        self.locked: str | None = None

    def versions(self) -> SourceVersions:
        self.asked.append("versions")
        return super().versions()

    def transcripts(self, sources: Iterable[str], /) -> list[SourceTranscript]:
        names = list(sources)
        self.asked.append(names)
        return super().transcripts(names)

    def identify(self, source: str, /) -> Transcript:
        if source == self.locked:
            raise SourceUnreadable(source, "Permission denied")
        return super().identify(source)

    @contextmanager
    def watch(self) -> Iterator[Told]:
        self.asked.append("watch")
        try:
            yield self
        finally:
            self.asked.append("end")

    def wait(self, timeout: float, /) -> Collection[str]:
        return self.changed.pop(0) if self.changed else []


@pytest.fixture
def told(history: History) -> Told:
    history.write(history.line(1))
    return Told(history)


def test_the_watch_begins_before_the_first_look(store: Store, told: Told) -> None:
    assert len(list(watch_transcripts(store, told, timeout=0))) == 1
    assert told.asked[:2] == ["watch", "versions"]
    assert told.asked[-1] == "end"


def test_only_what_changed_is_looked_at(store: Store, told: Told, history: History) -> None:
    history.write(history.line(2), path=history.root / "-code-b" / history.main.name)
    reports = watch_transcripts(store, told, sweep_seconds=NEVER)
    next(reports)
    told.asked.clear()
    history.append(history.line(3))
    told.changed.append([str(history.main)])
    assert next(reports).events.added == 1
    assert [asked for asked in told.asked if asked] == [[str(history.main)]]


def test_a_sweep_finds_what_was_not_told(store: Store, told: Told, history: History) -> None:
    reports = watch_transcripts(store, told, sweep_seconds=AT_ONCE)
    next(reports)
    history.append(history.line(2))
    report = next(reports)
    assert (report.transcripts, report.unchanged, report.events.added) == (1, 0, 1)


def test_what_did_not_change_gives_no_report(store: Store, told: Told, history: History) -> None:
    done: list[ImportProgress] = []
    told.changed = [[str(history.main)], [str(history.root / "-code-b" / "gone.jsonl")]]
    reports = watch_transcripts(store, told, stop=lambda: not told.changed, on_progress=done.append)
    next(reports)
    done.clear()
    assert list(reports) == []
    assert (told.changed, done) == ([], [])


def test_what_cannot_be_read_is_told_once_and_tried_again(
    store: Store, told: Told, history: History
) -> None:
    problems: list[ImportProblem] = []
    told.locked = str(history.main)
    reports = watch_transcripts(
        store, told, sweep_seconds=AT_ONCE, timeout=10, on_problem=problems.append
    )
    assert next(reports).problem_count == 1
    history.write(history.line(2), path=history.root / "-code-b" / history.main.name)
    assert next(reports).problem_count == 0
    told.locked = None
    assert next(reports).events.added == 1
    assert len(problems) == 1


def test_what_was_imported_before_is_not_read_again(
    store: Store, told: Told, history: History
) -> None:
    list(watch_transcripts(store, told, timeout=0))
    told.asked.clear()
    [report] = watch_transcripts(store, told, timeout=0)
    assert (report.transcripts, report.unchanged, report.events.added) == (1, 1, 0)
    assert [asked for asked in told.asked if isinstance(asked, list)] == [[]]


def test_it_stops_between_two_batches(store: Store, told: Told, history: History) -> None:
    history.write(*(history.line(number) for number in range(1_200)))
    done: list[ImportProgress] = []
    [report] = watch_transcripts(store, told, stop=lambda: bool(done), on_progress=done.append)
    assert (len(done), report.events.added) == (1, 500)
    assert len(events(store)) == 500
    [report] = watch_transcripts(store, told, timeout=0)
    assert report.events.added == 700


def test_it_stops_while_it_waits(store: Store, told: Told) -> None:
    stop = Event()
    reports = watch_transcripts(store, told, stop=stop.is_set)
    next(reports)
    stop.set()
    assert list(reports) == []
    assert told.asked[-1] == "end"


def test_a_watch_that_is_left_ends(store: Store, told: Told) -> None:
    reports = watch_transcripts(store, told)
    next(reports)
    reports.close()  # type: ignore[attr-defined]  # a generator, which is said of no service
    assert told.asked[-1] == "end"


@pytest.mark.parametrize(
    ("name", "value"),
    [("timeout", -1), ("timeout", float("nan")), ("sweep_seconds", 0), ("sweep_seconds", -1)],
)
def test_wrong_arguments_are_refused_at_once(
    store: Store, told: Told, name: str, value: Any
) -> None:
    with pytest.raises(InvalidValue) as caught:
        watch_transcripts(store, told, **{name: value})
    assert caught.value.field == name
    assert told.asked == []
    assert list_sessions(store).sessions == []
