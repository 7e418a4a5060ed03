"""Importing again adds what is new, and only that, however the files grew or changed."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.importing.conftest import CLAUDE, History, content, events, only_session

from memva import (
    ImportProgress,
    Store,
    associate_events_with_session,
    create_session,
    get_events_for_session,
    import_transcripts,
    record_event,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.domain import SourceLine

MODE = {"type": "mode", "mode": "plan"}


def imported(store: Store, path: Path) -> Any:
    return import_transcripts(store, TranscriptFiles(path))


def test_importing_again_adds_nothing(store: Store, history: History) -> None:
    history.write(MODE, history.line(1), MODE)
    imported(store, history.root)
    before = content(store)
    report = imported(store, history.root)
    assert (report.events.added, report.unchanged, report.sessions) == (0, 1, 0)
    history.main.touch()
    report = imported(store, history.root)
    assert (report.events.added, report.unchanged) == (0, 0)
    assert content(store) == before


def test_grown_file_adds_what_is_new(store: Store, history: History) -> None:
    history.write(MODE, history.line(1))
    imported(store, history.root)
    history.append(MODE, history.line(2), {"type": "ai-title", "aiTitle": "Better"})
    report = imported(store, history.root)
    assert (report.events.added, report.events.unchanged) == (3, 0)
    assert [event.line for event in events(store)] == [1, 2, 3, 4, 5]
    session = only_session(store)
    assert session.title == "Better"
    assert session.updated_at == events(store)[-1].timestamp


def test_half_a_line_waits_until_it_is_whole(store: Store, history: History) -> None:
    history.write(history.line(1), '{"type":"user","uu')
    report = imported(store, history.root)
    assert (report.unfinished, report.problem_count, report.events.added) == (1, 0, 1)
    history.append('id":"late"}\n')
    assert imported(store, history.root).events.added == 1
    assert [(event.line, event.uuid) for event in events(store)] == [(1, "uuid-1"), (2, "late")]


def test_torn_line_stays_in_the_middle(store: Store, history: History) -> None:
    path = history.write(history.line(1), '{"type":"us')
    imported(store, history.root)
    history.append("\n", history.line(2))
    [problem] = imported(store, history.root).problems
    assert (problem.source, problem.line) == (str(path), 2)
    assert [event.line for event in events(store)] == [1, 3]


def test_last_line_without_end_is_kept_if_it_is_whole(store: Store, history: History) -> None:
    history.write(history.line(1), '{"type":"last"}')
    assert imported(store, history.root).unfinished == 0
    assert len(events(store)) == 2
    history.append("\n", history.line(3))
    imported(store, history.root)
    assert [event.line for event in events(store)] == [1, 2, 3]


@pytest.mark.parametrize("step", [1, 7, 50, 333])
def test_growing_in_any_steps_comes_to_the_same(store: Store, history: History, step: int) -> None:
    lines: list[object] = [
        history.line(1),
        MODE,
        history.line(2, timestamp=None),
        "broken\n",
        MODE,
        {"type": "custom-title", "customTitle": "Mine"},
        history.line(3),
    ]
    path = history.write(*lines)
    whole = path.read_bytes()
    with MemoryStore() as once:
        imported(once, history.root)
        for end in range(0, len(whole) + step, step):
            path.write_bytes(whole[:end])
            imported(store, history.root)
        assert content(store) == content(once)


def test_rewritten_file_keeps_what_was_and_adds_what_is_new(store: Store, history: History) -> None:
    history.write(MODE, history.line(1), MODE, history.line(2))
    imported(store, history.root)
    history.write(history.line(1), MODE, history.line(3), MODE, MODE, history.line(4))
    report = imported(store, history.root)
    assert report.events.added == 3
    kept = events(store)
    assert {event.uuid for event in kept if event.event_type == "user"} == {
        f"uuid-{n}" for n in (1, 2, 3, 4)
    }
    assert len([event for event in kept if event.event_type == "mode"]) == 3


def test_same_transcript_from_two_places_is_one(
    store: Store, history: History, tmp_path: Path
) -> None:
    history.write(MODE, history.line(1), MODE, history.line(2))
    imported(store, history.root)
    copy = tmp_path / "downloads" / "conversation (1).jsonl"
    copy.parent.mkdir()
    shutil.copy(history.main, copy)
    report = imported(store, copy)
    assert (report.events.added, report.events.unchanged, report.sessions) == (0, 4, 0)


def test_session_that_the_host_made_is_filled(store: Store, history: History) -> None:
    create_session(store, id=CLAUDE, project_path="/mine", title="Mine", metadata={"a": 1})
    history.write(history.line(1))
    assert imported(store, history.root).sessions == 0
    session = only_session(store)
    assert (session.title, session.project_path, session.metadata) == ("Mine", "/mine", {"a": 1})
    assert len(events(store)) == 1


def test_conversation_goes_where_its_events_are(store: Store, history: History) -> None:
    mine = create_session(store, project_path="/mine", title="Mine")
    streamed = history.line(1, timestamp=None, session_id=CLAUDE)
    record_event(
        store, session_id=CLAUDE, event_type="user", data=streamed, uuid="uuid-1",
        memva_session_id=mine.id, cwd="/code/app",
    )  # fmt: skip
    history.write(history.line(1), history.line(2))
    report = imported(store, history.root)
    assert (report.sessions, report.events.added, report.events.replaced) == (0, 1, 1)
    assert [event.line for event in get_events_for_session(store, mine.id)] == [1, 2]
    history.append(history.line(3))
    imported(store, history.root)
    assert len(events(store)) == 3


def test_conversation_follows_its_events_to_another_session(store: Store, history: History) -> None:
    history.write(history.line(1), history.line(2))
    imported(store, history.root)
    mine = create_session(store, project_path="/mine")
    associate_events_with_session(store, ["uuid-1", "uuid-2"], mine.id)
    history.append(history.line(3))
    imported(store, history.root)
    assert [event.line for event in get_events_for_session(store, mine.id)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("lines", "title"),
    [
        ([{"type": "summary", "summary": "Own", "leafUuid": "uuid-1"}], "Own"),
        ([{"type": "summary", "summary": "Another's", "leafUuid": "elsewhere"}], "prompt 1"),
        ([{"type": "summary", "summary": "Nobody's"}], "prompt 1"),
        ([{"type": "ai-title", "aiTitle": "A"}, {"type": "ai-title", "aiTitle": "B"}], "B"),
        (
            [{"type": "custom-title", "customTitle": "C"}, {"type": "ai-title", "aiTitle": "A"}],
            "C",
        ),
    ],
)
def test_title_a_person_recognises(
    store: Store, history: History, lines: list[Any], title: str
) -> None:
    history.write(*lines, history.line(1))
    imported(store, history.root)
    assert only_session(store).title == title


def test_imports_at_once_come_to_the_same(store: Store, history: History) -> None:
    for number in range(4):
        path = history.main.with_name(f"00000000-0000-4000-8000-00000000000{number}.jsonl")
        history.write(MODE, *(history.line(n) for n in range(300)), MODE, path=path)
    with MemoryStore() as once, ThreadPoolExecutor(4) as threads:
        imported(once, history.root)
        futures = [threads.submit(imported, store, history.root) for _ in range(4)]
        assert [future.result().problem_count for future in futures] == [0] * 4
        assert content(store) == content(once)


def test_import_overtaken_by_another_begins_again(store: Store, history: History) -> None:
    history.write(history.line(1), {"type": "ai-title", "aiTitle": "A"})

    class Slow(TranscriptFiles):
        overtaken = False

        def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
            lines = list(super().read(source, offset=offset, line=line))
            if not self.overtaken:
                self.overtaken = True
                history.append({"type": "ai-title", "aiTitle": "B"})
                imported(store, history.root)
            return iter(lines)

    import_transcripts(store, Slow(history.root))
    history.append({"type": "ai-title", "aiTitle": "C"})
    imported(store, history.root)
    assert only_session(store).title == "C"


def test_rereading_that_was_stopped_begins_again(store: Store, history: History) -> None:
    history.write(MODE, MODE, MODE, history.line(0))
    imported(store, history.root)
    history.write(*(history.line(n) for n in range(600)), MODE, MODE, MODE)

    def stop(progress: ImportProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_transcripts(store, TranscriptFiles(history.root), on_progress=stop)
    imported(store, history.root)
    assert [event.event_type for event in events(store)].count("mode") == 3


def test_progress_rises_to_the_end(store: Store, history: History) -> None:
    for number in range(3):
        history.write(
            *(history.line(n) for n in range(1_200)),
            path=history.main.with_name(f"00000000-0000-4000-8000-00000000000{number}.jsonl"),
        )
    told: list[Any] = []
    import_transcripts(store, TranscriptFiles(history.root), on_progress=told.append)
    assert len(told) > 6
    done = [progress.bytes for progress in told]
    assert done == sorted(done)
    assert (told[-1].transcripts, told[-1].bytes) == (3, told[-1].total_bytes)
