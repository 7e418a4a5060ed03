"""What is exported of a session, and what it comes back as."""

import pytest
from tests.exporting.conftest import (
    MODE,
    OTHER,
    events,
    exported,
    imported,
    renumbered,
    sessions,
    write_two,
)
from tests.exporting.trees import read_tree
from tests.importing.conftest import CLAUDE, History

from memva import (
    Event,
    SessionNotFound,
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
    assert renumbered(other) == renumbered(store)


def test_what_was_mirrored_and_imported_is_as_in_the_file(
    store: TranscriptStore, history: History, folder: TranscriptFolder
) -> None:
    unseen = {"type": "api-request", "hash": "ab"}
    lines = [MODE, history.line(1), unseen, history.line(2), MODE, unseen, history.line(3)]
    seen = [line for line in lines if line != unseen]
    append_to_transcript(store, Transcript("-code-app", CLAUDE, ""), seen[:3])
    append_to_transcript(store, Transcript("-code-app", CLAUDE, ""), seen[3:])
    history.write(*lines)
    imported(store, history.root)
    exported(store, folder)
    assert read_tree(folder.projects) == read_tree(history.root)
