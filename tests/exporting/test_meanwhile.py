"""What an export tells while it runs, and what happens to it and to the store meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from tests.aio.tasks import Gate, assert_nothing_is_open, cancelled, run
from tests.exporting.conftest import OTHER, exported, imported, renumbered, write_two
from tests.exporting.trees import read_tree
from tests.importing.conftest import CLAUDE, History

from memva import (
    Event,
    ExportProblem,
    ExportProgress,
    SinkUnwritable,
    Transcript,
    TranscriptStore,
    aio,
    append_to_transcript,
    associate_events_with_session,
    create_session,
    delete_session,
    export_all_transcripts,
)
from memva.adapters.claude_code import TranscriptFolder
from memva.adapters.memory import MemoryStore


class Interfering(TranscriptFolder):
    """Does something to the store when a transcript's lines are first asked for, or each time."""

    def __init__(self, folder: TranscriptFolder, interfere: Any, *, always: bool = False) -> None:
        super().__init__(folder.projects)
        self._interfere = interfere
        self._left = -1 if always else 1

    def write(
        self, transcript: Transcript, lines: Iterator[Event], /, *, overwrite: bool = False
    ) -> bool:
        def interfered() -> Iterator[Event]:
            for number, line in enumerate(lines):
                if number == 0 and self._left:
                    self._left -= 1
                    self._interfere()
                yield line

        return super().write(transcript, interfered(), overwrite=overwrite)


def test_transcript_that_goes_meanwhile_is_not_written_in_part(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(*(history.line(n) for n in range(200)))
    imported(store, history.root)
    report = export_all_transcripts(
        store, Interfering(folder, lambda: delete_session(store, CLAUDE))
    )
    assert (report.transcripts, report.written, report.problem_count) == (1, 0, 0)
    assert not list(folder.projects.rglob("*.*"))


def test_transcript_that_changes_meanwhile_is_read_again(
    store: TranscriptStore, other: MemoryStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(*(history.line(n) for n in range(200)))
    imported(store, history.root)
    gone = create_session(store, project_path="/gone")
    associate_events_with_session(store, ["uuid-10"], gone.id)
    exported(store, Interfering(folder, lambda: delete_session(store, gone.id)))
    imported(other, folder.projects)
    assert renumbered(other) == renumbered(store)


def test_transcript_that_changes_all_the_time_is_a_problem(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(*(history.line(n) for n in range(200)))
    imported(store, history.root)
    left = iter(range(1, 50))

    def delete_one() -> None:
        gone = create_session(store, project_path="/gone")
        associate_events_with_session(store, [f"uuid-{next(left)}"], gone.id)
        delete_session(store, gone.id)

    report = export_all_transcripts(store, Interfering(folder, delete_one, always=True))
    [problem] = report.problems
    assert problem.reason == "others were at work on it all the time"
    assert problem.sink == f"-code-app/{CLAUDE}"


def test_lines_that_come_meanwhile_do_no_harm(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(*(history.line(n) for n in range(200)))
    imported(store, history.root)
    at = Transcript("-code-app", CLAUDE, "")
    more = Interfering(folder, lambda: append_to_transcript(store, at, [history.line(200)]))
    assert exported(store, more).written == 1
    history.append(history.line(200))
    assert read_tree(folder.projects) == read_tree(history.root)


def test_progress_rises_to_the_end_and_holds_no_lock(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    write_two(history)
    history.write(*(history.line(n) for n in range(400)), "torn\n", history.line(400))
    imported(store, history.root)
    append_to_transcript(store, Transcript("-code-app", CLAUDE, ""), [history.line(401)])
    told: list[ExportProgress] = []

    def tell(progress: ExportProgress) -> None:
        told.append(progress)
        create_session(store, project_path=f"/{len(told)}")

    export_all_transcripts(store, folder, on_progress=tell)
    done = [progress.lines for progress in told]
    assert done == sorted(done)
    assert len(done) > 8
    last = told[-1]
    assert (last.transcripts, last.lines) == (last.total_transcripts, last.total_lines) == (4, 405)


def test_each_problem_is_told_of(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    write_two(history)
    imported(store, history.root)
    taken = history.write(
        b"something else\n", path=folder.projects / "-code-app" / f"{OTHER}.jsonl"
    )
    told: list[ExportProblem] = []
    report = export_all_transcripts(store, folder, on_problem=told.append)
    assert list(report.problems) == told
    assert [(problem.sink, problem.reason) for problem in told] == [
        (str(taken), "differs from what is stored")
    ]
    assert (report.written, report.taken, report.problem_count) == (3, 1, 1)
    assert exported(store, folder, overwrite=True).written == 1


def test_many_problems_are_counted_and_some_kept(store: TranscriptStore) -> None:
    class Nowhere:
        def write(
            self, transcript: Transcript, lines: Iterator[Event], /, *, overwrite: bool = False
        ) -> bool:
            raise SinkUnwritable("nowhere", "is no place")

    events = [
        Event(uuid="u", session_id=f"claude-{n}", event_type="mode", timestamp=store.now(),
              data={}, line=1)
        for n in range(1_200)
    ]  # fmt: skip
    store.events.append(events)
    report = export_all_transcripts(store, Nowhere())
    assert (report.problem_count, len(report.problems), report.taken) == (1_200, 1_000, 0)


def test_what_was_stopped_is_whole_or_not_there_and_goes_on(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    write_two(history)
    history.write(
        *(history.line(n) for n in range(400)), path=history.main.with_name(f"{OTHER}.jsonl")
    )
    imported(store, history.root)

    def stop(progress: ExportProgress) -> None:
        if progress.transcript.session_id == CLAUDE and progress.lines > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_all_transcripts(store, folder, on_progress=stop)
    whole = read_tree(history.root)
    assert [path.suffix for path in folder.projects.rglob("*") if path.is_file()] == [".jsonl"]
    assert read_tree(folder.projects).items() < whole.items()
    exported(store, folder)
    assert read_tree(folder.projects) == whole


def test_a_callers_error_is_no_problem_of_the_sinks(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(history.line(1))
    imported(store, history.root)

    def fail(progress: ExportProgress) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        export_all_transcripts(store, folder, on_progress=fail)
    assert not list(folder.projects.rglob("*.*"))


def test_few_lines_are_read_at_a_time(
    store: TranscriptStore,
    history: History,
    folder: TranscriptFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history.write(*(history.line(n) for n in range(400)))
    imported(store, history.root)
    read = type(store.transcripts).lines
    pages: list[int] = []

    def counted(*args: Any, **options: Any) -> Any:
        found = read(*args, **options)
        pages.append(len(found))
        return found

    monkeypatch.setattr(type(store.transcripts), "lines", counted)
    exported(store, folder)
    assert max(pages) <= 50
    assert sum(pages) == 400


def test_cancelled_export_stops_and_leaves_nothing_half_done(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(*(history.line(n) for n in range(200)))
    imported(store, history.root)
    gate = Gate()

    async def main() -> None:
        exporting = aio.export_all_transcripts(store, folder, on_progress=lambda _: gate.wait())
        task = asyncio.create_task(exporting)
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert not list(folder.projects.rglob("*.*"))
        assert (await aio.export_transcripts(store, CLAUDE, folder)).written == 1
        assert_nothing_is_open(store)

    run(main())
