"""A deleted session does not come back with the next import, unless it is restored; then whole."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.importing.conftest import CLAUDE, History, content, only_session

from memva import (
    ImportProgress,
    ImportReport,
    Store,
    associate_events_with_session,
    create_session,
    delete_session,
    get_events_for_claude_session,
    get_events_for_session,
    get_session,
    import_transcripts,
    list_sessions,
    record_event,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore
from memva.domain import SourceLine

MODE = {"type": "mode", "mode": "plan"}


def imported(store: Store, history: History, **options: Any) -> ImportReport:
    return import_transcripts(store, TranscriptFiles(history.root), **options)


def subagent(history: History, name: str = "agent-1") -> Path:
    return history.main.with_suffix("") / "subagents" / f"{name}.jsonl"


def write_conversation(history: History) -> None:
    """Write a session with a title, equal lines and a subagent."""
    history.write(MODE, history.line(1), MODE, {"type": "ai-title", "aiTitle": "A title"})
    history.write(history.line(2), history.line(3), path=subagent(history))


def assert_as_fresh(store: Store, history: History) -> None:
    with MemoryStore() as fresh:
        imported(fresh, history)
        assert content(store) == content(fresh)


def delete_elsewhere(store: Store, session_id: str = CLAUDE) -> None:
    """Delete a session as another process would."""
    if isinstance(store, SqliteStore):
        with SqliteStore.open(store.path) as other:
            delete_session(other, session_id)
    else:
        delete_session(store, session_id)


def deleting_at_once(store: Store) -> Callable[[ImportProgress], None]:
    """Return what deletes the session when an import first tells how far it has come."""
    told: list[ImportProgress] = []

    def delete(progress: ImportProgress) -> None:
        told.append(progress)
        if len(told) == 1:
            delete_elsewhere(store)

    return delete


def test_deleted_session_stays_away(store: Store, history: History) -> None:
    write_conversation(history)
    imported(store, history)
    delete_session(store, CLAUDE)
    for _ in range(2):
        report = imported(store, history)
        assert (report.deleted, report.unchanged) == (2, 0)
        assert (report.sessions, report.events.added) == (0, 0)
        assert content(store) == []


def test_what_it_grew_by_stays_away(store: Store, history: History) -> None:
    write_conversation(history)
    imported(store, history)
    delete_session(store, CLAUDE)
    history.append(history.line(4))
    history.append(history.line(5), path=subagent(history))
    history.write(history.line(6), path=subagent(history, "agent-2"))
    assert imported(store, history).deleted == 3
    assert content(store) == []


def test_others_are_imported(store: Store, history: History) -> None:
    write_conversation(history)
    imported(store, history)
    delete_session(store, CLAUDE)
    other = history.main.with_name("0e6a8f7d-52b1-4f0a-8c1d-9f6f3f1f7a55.jsonl")
    history.write(history.line(7), path=other)
    report = imported(store, history)
    assert (report.sessions, report.deleted) == (1, 2)
    assert only_session(store).id == other.stem


def test_restored_session_is_as_if_imported_for_the_first_time(
    store: Store, history: History
) -> None:
    write_conversation(history)
    imported(store, history)
    delete_session(store, CLAUDE)
    imported(store, history)
    history.append(history.line(4))
    report = imported(store, history, restore=True)
    assert (report.sessions, report.events.added, report.deleted) == (1, 7, 0)
    assert_as_fresh(store, history)
    history.append(MODE, history.line(5))
    assert imported(store, history).events.added == 2
    assert_as_fresh(store, history)


def test_restoring_touches_no_other_session(store: Store, history: History) -> None:
    write_conversation(history)
    imported(store, history)
    before = content(store)
    report = imported(store, history, restore=True)
    assert (report.unchanged, report.events.added) == (2, 0)
    assert content(store) == before


def test_one_file_restores_its_session_alone(store: Store, history: History) -> None:
    write_conversation(history)
    other = history.main.with_name("0e6a8f7d-52b1-4f0a-8c1d-9f6f3f1f7a55.jsonl")
    history.write(history.line(7), path=other)
    imported(store, history)
    for session_id in (CLAUDE, other.stem):
        delete_session(store, session_id)
    import_transcripts(store, TranscriptFiles(history.main), restore=True)
    report = imported(store, history)
    assert (report.unchanged, report.deleted, report.events.added) == (1, 1, 2)
    assert only_session(store).id == CLAUDE


@pytest.mark.parametrize("restore", [False, True])
def test_deletion_between_two_batches_stands(store: Store, history: History, restore: bool) -> None:
    history.write(*(history.line(number) for number in range(1_200)))
    history.write(history.line(3), path=subagent(history))
    report = imported(store, history, restore=restore, on_progress=deleting_at_once(store))
    assert (report.deleted, report.problem_count) == (2, 0)
    assert content(store) == []


@pytest.mark.parametrize("restore", [False, True])
def test_deletion_between_two_transcripts_stands(
    store: Store, history: History, restore: bool
) -> None:
    write_conversation(history)
    imported(store, history)
    history.append(history.line(4))
    history.append(history.line(5), path=subagent(history))
    report = imported(store, history, restore=restore, on_progress=deleting_at_once(store))
    assert (report.events.added, report.deleted) == (1, 1)
    assert content(store) == []


@pytest.mark.parametrize("restore", [False, True])
def test_deletion_after_reading_and_before_storing_stands(
    store: Store, history: History, restore: bool
) -> None:
    write_conversation(history)

    class Deleting(TranscriptFiles):
        def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
            lines = list(super().read(source, offset=offset, line=line))
            if source == str(subagent(history)):
                delete_elsewhere(store)
            return iter(lines)

    report = import_transcripts(store, Deleting(history.root), restore=restore)
    assert report.deleted == 1
    assert content(store) == []


def test_stopped_restoration_goes_on_with_the_next_import(store: Store, history: History) -> None:
    history.write(*(history.line(number) for number in range(1_200)))
    history.write(history.line(3), path=subagent(history))
    imported(store, history)
    delete_session(store, CLAUDE)

    def stop(progress: ImportProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(store, history, restore=True, on_progress=stop)
    imported(store, history)
    assert_as_fresh(store, history)


def test_part_in_another_session_stays_and_the_rest_stays_away(
    store: Store, history: History
) -> None:
    history.write(history.line(1), history.line(2))
    imported(store, history)
    mine = create_session(store, project_path="/mine")
    associate_events_with_session(store, ["uuid-2"], mine.id)
    delete_session(store, CLAUDE)
    history.append(history.line(3))
    assert imported(store, history).deleted == 1
    assert [event.uuid for event in get_events_for_session(store, mine.id)] == ["uuid-2"]
    imported(store, history, restore=True)
    assert [event.line for event in get_events_for_session(store, mine.id)] == [1, 2, 3]
    assert only_session(store).id == mine.id


def test_conversation_that_moved_goes_on_without_its_first_session(
    store: Store, history: History
) -> None:
    history.write(history.line(1), history.line(2))
    imported(store, history)
    mine = create_session(store, project_path="/mine")
    associate_events_with_session(store, ["uuid-1", "uuid-2"], mine.id)
    delete_session(store, CLAUDE)
    history.append(history.line(3))
    assert imported(store, history).deleted == 0
    assert [event.line for event in get_events_for_session(store, mine.id)] == [1, 2, 3]
    delete_session(store, mine.id)
    assert imported(store, history).deleted == 1
    assert list(list_sessions(store)) == []


def test_session_that_the_host_filled_is_remembered_too(store: Store, history: History) -> None:
    mine = create_session(store, project_path="/mine")
    record_event(
        store, session_id=CLAUDE, event_type="user", data={}, uuid="uuid-1",
        memva_session_id=mine.id,
    )  # fmt: skip
    delete_session(store, mine.id)
    history.write(history.line(1), history.line(2))
    assert imported(store, history).deleted == 1
    assert list(list_sessions(store)) == []


def test_recording_goes_on_in_a_deleted_session(store: Store, history: History) -> None:
    history.write(history.line(1), history.line(2))
    imported(store, history)
    delete_session(store, CLAUDE)
    again = create_session(store, id=CLAUDE, project_path="/code/app")
    record_event(
        store, session_id=CLAUDE, event_type="user", data={}, uuid="uuid-3",
        memva_session_id=again.id, cwd="/code/app",
    )  # fmt: skip
    history.append(history.line(3))
    assert imported(store, history).deleted == 1
    assert [event.line for event in get_events_for_claude_session(store, CLAUDE)] == [0]
    imported(store, history, restore=True)
    assert [event.line for event in get_events_for_session(store, CLAUDE)] == [1, 2, 3]
    assert get_session(store, CLAUDE).created_at == again.created_at
