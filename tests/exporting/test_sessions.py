"""What is exported of a session, and what a host is told meanwhile and afterwards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.exporting.conftest import events, exported, imported, renumbered, sessions
from tests.exporting.trees import read_tree
from tests.importing.conftest import CLAUDE, History

from memva import (
    Event,
    ExportProblem,
    ExportProgress,
    SessionNotFound,
    SinkUnwritable,
    Transcript,
    TranscriptStore,
    append_to_transcript,
    associate_events_with_session,
    create_session,
    delete_session,
    export_all_transcripts,
    export_transcripts,
    record_event,
    update_session,
)
from memva.adapters.claude_code import TranscriptFolder
from memva.adapters.memory import MemoryStore

OTHER = "0e6a8f7d-52b1-4f0a-8c1d-9f6f3f1f7a55"
MODE = {"type": "mode", "mode": "plan"}


def write_two(history: History) -> None:
    """Write two conversations, the first with a subagent and in two projects."""
    history.write(MODE, history.line(1), MODE, history.line(2))
    history.write(history.line(3), path=history.main.with_suffix("") / "subagents/agent-1.jsonl")
    history.write(history.line(4), path=history.root / "-code-site" / history.main.name)
    history.write(history.line(5), path=history.main.with_name(f"{OTHER}.jsonl"))


def names(folder: TranscriptFolder) -> set[str]:
    return set(read_tree(folder.projects))


OF_FIRST = {
    f"-code-app/{CLAUDE}.jsonl",
    f"-code-app/{CLAUDE}/subagents/agent-1.jsonl",
    f"-code-site/{CLAUDE}.jsonl",
}
OF_OTHER = {f"-code-app/{OTHER}.jsonl"}


def test_one_session_with_its_subagents_in_each_project(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    write_two(history)
    imported(store, history.root)
    report = export_transcripts(store, CLAUDE, folder)
    assert (report.transcripts, report.written, report.unchanged) == (3, 3, 0)
    assert names(folder) == OF_FIRST
    report = export_all_transcripts(store, folder)
    assert (report.transcripts, report.written, report.unchanged) == (4, 1, 3)
    assert read_tree(folder.projects) == read_tree(history.root)


def test_session_that_is_not_there(store: TranscriptStore, folder: TranscriptFolder) -> None:
    with pytest.raises(SessionNotFound):
        export_transcripts(store, CLAUDE, folder)
    assert export_all_transcripts(store, folder).transcripts == 0
    assert not folder.projects.exists()


def test_conversation_grows_where_it_was_exported(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(history.line(1))
    imported(store, history.root)
    exported(store, folder)
    history.append(MODE, history.line(2))
    imported(store, history.root)
    assert exported(store, folder).written == 1
    assert read_tree(folder.projects) == read_tree(history.root)


def test_what_went_on_in_the_export_is_imported_and_exported_again(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(history.line(1), "torn\n", history.line(2))
    imported(store, history.root)
    exported(store, folder)
    resumed = folder.projects / history.main.relative_to(history.root)
    history.append(MODE, history.line(3), path=resumed)
    report = export_all_transcripts(store, folder)
    assert (report.taken, report.problems[0].sink) == (1, str(resumed))
    imported(store, folder.projects)
    assert exported(store, folder).unchanged == 1


def test_events_of_another_session_bring_their_whole_conversation(
    store: TranscriptStore, other: MemoryStore, history: History, folder: TranscriptFolder
) -> None:
    write_two(history)
    imported(store, history.root)
    mine = create_session(store, project_path="/mine", title="Mine")
    associate_events_with_session(store, ["uuid-2", "uuid-5"], mine.id)
    report = export_transcripts(store, mine.id, folder)
    assert (report.written, names(folder)) == (4, OF_FIRST | OF_OTHER)
    imported(other, folder.projects)
    assert events(other, "memva_session_id") == events(store, "memva_session_id")


def test_title_of_the_hosts_own_is_in_no_transcript(
    store: TranscriptStore, other: MemoryStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(history.line(1))
    imported(store, history.root)
    update_session(store, CLAUDE, title="Mine")
    exported(store, folder)
    imported(other, folder.projects)
    assert other.sessions.get(CLAUDE).title == "prompt 1"


def test_deleted_session_is_not_exported(
    store: TranscriptStore, other: MemoryStore, history: History, folder: TranscriptFolder
) -> None:
    write_two(history)
    imported(store, history.root)
    delete_session(store, CLAUDE)
    exported(store, folder)
    assert names(folder) == OF_OTHER
    imported(other, folder.projects)
    assert sessions(other) == sessions(store)
    assert events(other) == events(store)


def test_what_is_left_of_a_conversation_is_exported(
    store: TranscriptStore, other: MemoryStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(MODE, history.line(1), MODE, history.line(2), history.line(3))
    imported(store, history.root)
    gone = create_session(store, project_path="/gone")
    associate_events_with_session(store, ["uuid-2"], gone.id)
    delete_session(store, gone.id)
    exported(store, folder)
    imported(other, folder.projects)
    assert renumbered(other) == renumbered(store)


def test_what_was_only_streamed_is_told_of(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    mine = create_session(store, project_path="/code/app")
    record_event(store, session_id=CLAUDE, event_type="user", data={}, memva_session_id=mine.id)
    for report in (
        export_transcripts(store, mine.id, folder),
        export_all_transcripts(store, folder),
    ):
        assert (report.transcripts, report.only_streamed) == (0, (CLAUDE,))
    history.write(history.line(1))
    imported(store, history.root)
    report = export_transcripts(store, mine.id, folder)
    assert (report.written, report.only_streamed) == (1, ())
    assert read_tree(folder.projects) == read_tree(history.root)


def test_conversation_of_no_session_is_exported_with_all(
    store: TranscriptStore, folder: TranscriptFolder
) -> None:
    event = Event(
        uuid="u", session_id=CLAUDE, event_type="mode", timestamp=store.now(), data=MODE,
        project_key="-code-app", line=1,
    )  # fmt: skip
    store.events.append([event])
    assert exported(store, folder).written == 1


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
    history.write(*(history.line(n) for n in range(400)))
    imported(store, history.root)
    told: list[ExportProgress] = []

    def tell(progress: ExportProgress) -> None:
        told.append(progress)
        create_session(store, project_path=f"/{len(told)}")

    export_all_transcripts(store, folder, on_progress=tell)
    done = [progress.lines for progress in told]
    assert done == sorted(done)
    assert len(done) > 8
    last = told[-1]
    assert (last.transcripts, last.lines) == (last.total_transcripts, last.total_lines) == (4, 403)


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
    store: TranscriptStore, history: History, folder: TranscriptFolder, tmp_path: Path
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


def test_streamed_lines_are_in_no_transcript(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(history.line(1), history.line(2))
    for uuid in ("uuid-1", "uuid-9"):
        record_event(store, session_id=CLAUDE, event_type="user", data={"streamed": 1}, uuid=uuid)
    imported(store, history.root)
    report = exported(store, folder)
    assert (report.written, report.only_streamed) == (1, ())
    assert read_tree(folder.projects) == read_tree(history.root)


@pytest.mark.parametrize("key", ["-code-" + "x" * 194 + "-a1b2c3d4", "-", "-code-app.d--_"])
def test_project_key_is_kept_however_it_was_made(
    store: TranscriptStore,
    other: MemoryStore,
    history: History,
    folder: TranscriptFolder,
    key: str,
) -> None:
    history.write(history.line(1), path=history.root / key / history.main.name)
    imported(store, history.root)
    exported(store, folder)
    assert names(folder) == {f"{key}/{CLAUDE}.jsonl"}
    imported(other, folder.projects)
    assert events(other) == events(store)


def test_long_lines_are_kept(
    store: TranscriptStore, other: MemoryStore, history: History, folder: TranscriptFolder
) -> None:
    history.write(*(history.line(n, text="ü\x00" * 10**n) for n in range(6)))
    imported(store, history.root)
    exported(store, folder)
    assert read_tree(folder.projects) == read_tree(history.root)
    assert exported(store, folder).unchanged == 1
    imported(other, folder.projects)
    assert events(other) == events(store)


def test_session_id_that_is_none_of_claude_codes_comes_back_if_its_lines_say_it(
    store: TranscriptStore, other: MemoryStore, folder: TranscriptFolder
) -> None:
    lines = [{"type": "user", "uuid": "u", "sessionId": "my session", "cwd": "/code"}]
    append_to_transcript(store, Transcript("-code", "my session", ""), lines)
    append_to_transcript(store, Transcript("-code", "my session", "subagents/agent-1"), lines)
    exported(store, folder)
    imported(other, folder.projects)
    assert sessions(other) == sessions(store)
    assert events(other) == events(store)
