"""Lines that could not be imported are kept with the transcript's cursor, and found again."""

from __future__ import annotations

import pytest
from tests.importing.conftest import CLAUDE, History, events

from memva import ImportProgress, Store, import_transcripts, redact_secrets
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.domain import SkippedLine, SkippedLines
from memva.domain.skipped_lines import MOST_KEPT
from memva.services.health import check_store
from memva.services.sessions import delete_session


def skipped(store: Store) -> SkippedLines:
    [cursor] = store.cursors.with_skipped_lines(limit=9)
    return cursor.skipped


def run(store: Store, history: History) -> None:
    import_transcripts(store, TranscriptFiles(history.root))


def test_skipped_lines_are_kept_with_their_numbers_and_why(
    store: MemoryStore, history: History
) -> None:
    history.write(history.line(1), b"[1]\n", history.line(2), b"\xff\n", b"\n", b'{"a": \n')
    run(store, history)
    assert skipped(store) == SkippedLines(
        3,
        (
            SkippedLine(2, "is not a JSON object"),
            SkippedLine(4, "is not UTF-8"),
            SkippedLine(6, skipped(store).first[2].reason),
        ),
    )
    assert skipped(store).first[2].reason.startswith("is not JSON: ")


def test_where_none_is_skipped_none_is_kept(store: MemoryStore, history: History) -> None:
    history.write(history.line(1), b"\n", b'{"half')
    run(store, history)
    assert store.cursors.with_skipped_lines(limit=9) == []


def test_those_of_what_has_grown_come_after_those_before(
    store: MemoryStore, history: History
) -> None:
    history.write(history.line(1), b"1\n")
    run(store, history)
    history.append(history.line(2), b"2\n")
    run(store, history)
    run(store, history)
    assert [line.number for line in skipped(store).first] == [2, 4]
    assert skipped(store).count == 2


def test_a_file_that_was_put_right_has_none_any_more(store: MemoryStore, history: History) -> None:
    history.write(history.line(1), b"torn\n", history.line(3))
    run(store, history)
    assert skipped(store).count == 1
    history.write(history.line(1), history.line(2), history.line(3))
    run(store, history)
    assert store.cursors.with_skipped_lines(limit=9) == []
    assert len(events(store)) == 3


def test_of_many_the_first_are_kept_and_all_are_counted(
    store: MemoryStore, history: History
) -> None:
    history.write(history.line(1), *[b"torn\n"] * (MOST_KEPT + 5))
    run(store, history)
    assert skipped(store).count == MOST_KEPT + 5
    assert [line.number for line in skipped(store).first] == list(range(2, MOST_KEPT + 2))


def test_an_import_that_was_stopped_goes_on_counting(store: MemoryStore, history: History) -> None:
    lines = [b"torn\n" if n % 400 == 7 else history.line(n) for n in range(1_300)]
    history.write(*lines)

    def stop(_: ImportProgress) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            import_transcripts(store, TranscriptFiles(history.root), on_progress=stop)
    run(store, history)
    assert [line.number for line in skipped(store).first] == [8, 408, 808, 1208]


def test_they_go_with_the_session(store: MemoryStore, history: History) -> None:
    history.write(history.line(1), b"torn\n")
    run(store, history)
    delete_session(store, CLAUDE)
    assert store.cursors.with_skipped_lines(limit=9) == []


def test_a_check_notes_them(store: MemoryStore, history: History) -> None:
    history.write(history.line(1), *[b"[]\n"] * 5)
    run(store, history)
    history.main.unlink()
    [finding] = check_store(store)
    assert (finding.kind, finding.severity) == ("skipped_lines", "note")
    assert finding.subject == str(history.main)
    assert finding.problem == (
        "5 of its lines could not be imported: line 2 is not a JSON object; "
        "line 3 is not a JSON object; line 4 is not a JSON object; …."
    )


def test_secrets_are_taken_out_of_whatever_is_imported(
    store: MemoryStore, history: History
) -> None:
    block = {"type": "tool_use", "input": {"password": "hunter2", "command": "TOKEN=a1b2c3 run"}}
    key = "ghp_" + "Ab1" * 12
    history.write(history.line(1, message={"content": [block]}, toolUseResult=f"key {key}"))
    import_transcripts(store, TranscriptFiles(history.root), redact=redact_secrets)
    [event] = events(store)
    assert event.data["message"] == {
        "content": [
            {
                "type": "tool_use",
                "input": {
                    "password": "[redacted: password]",
                    "command": "TOKEN=[redacted: token] run",
                },
            }
        ]
    }
    assert event.data["toolUseResult"] == "key [redacted: github token]"
    assert event.data["uuid"] == "uuid-1"
