from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from tests.exporting.trees import read_tree

from memva import Transcript, append_to_transcript, create_session, record_event
from memva.adapters.sqlite import SqliteStore

from .conftest import Run, Start

FIRST = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10"


def test_one_session_is_written_and_can_be_imported_again(
    run: Run, history: Path, tmp_path: Path
) -> None:
    run("import", history)
    result = run("export", "7d1f", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"2 transcripts written to {tmp_path / 'out' / 'projects'}, 0 there already\n"
    )
    assert (tmp_path / "out" / "projects" / "-code-app" / f"{FIRST}.jsonl").is_file()
    assert (
        "1 session created" in run("--db", tmp_path / "new.db", "import", tmp_path / "out").stdout
    )


def test_all_are_written_and_then_there(run: Run, history: Path, tmp_path: Path) -> None:
    run("import", history)
    assert "4 transcripts written" in run("export", "--all", tmp_path / "out" / "projects").stdout
    assert "0 transcripts written" in run("export", tmp_path / "out", "--all").stdout
    assert read_tree(tmp_path / "out" / "projects") == read_tree(history)


def test_something_else_that_is_there_is_an_error(run: Run, history: Path, tmp_path: Path) -> None:
    run("import", history)
    there = tmp_path / "out" / "projects" / "-code-app" / f"{FIRST}.jsonl"
    there.parent.mkdir(parents=True)
    there.write_text("mine\n")
    result = run("export", "7d1f", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"1 transcript written to {tmp_path / 'out' / 'projects'}, 0 there already",
        "1 problem:",
        f"  {there}",
        "    differs from what is stored",
        "--overwrite replaces files that hold something else",
    ]
    assert result.stderr == "memva: error: 1 transcript could not be exported\n"
    assert there.read_text() == "mine\n"
    assert run("export", "7d1f", tmp_path / "out", "--overwrite").exit_code == 0


def test_only_the_first_problems_are_listed(run: Run, store: SqliteStore, tmp_path: Path) -> None:
    for number in range(7):
        append_to_transcript(store, Transcript("..", f"claude-{number}", ""), [{"type": "mode"}])
    result = run("export", "--all", tmp_path / "out")
    assert result.stdout.splitlines()[1:4] == [
        "7 problems:",
        "  ../claude-0",
        "    has a name that leads elsewhere",
    ]
    assert result.stdout.endswith("  … and 2 more\n")
    assert result.exit_code == 1


def test_what_was_only_streamed_is_told(run: Run, store: SqliteStore, tmp_path: Path) -> None:
    session = create_session(store, id="mine-1", project_path="/code/app")
    record_event(
        store, session_id="claude-1", event_type="user", data={}, memva_session_id=session.id
    )
    result = run("export", "mine", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines() == [
        "1 conversation was only streamed, so that there is no transcript to export.",
        'Run "memva import" on the machine where Claude Code wrote it, and export again.',
    ]
    assert not (tmp_path / "out").exists()


def test_an_empty_database_has_nothing_to_export(
    run: Run, store: SqliteStore, tmp_path: Path
) -> None:
    result = run("export", "--all", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "There is nothing to export yet.\n")


@pytest.mark.parametrize(
    "arguments", [(), ("out",), ("--all",), ("--all", "a", "b"), ("a", "b", "c")]
)
def test_wrong_arguments_are_told(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("export", *arguments)
    assert result.exit_code == 2
    assert "FOLDER" in result.stderr


def test_no_database_and_no_session_are_errors(run: Run, history: Path, tmp_path: Path) -> None:
    result = run("export", "--all", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no database" in result.stderr
    run("import", history)
    result = run("export", "nobody", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no session's id begins with 'nobody'" in result.stderr


def test_a_file_in_the_way_is_an_error(run: Run, history: Path, tmp_path: Path) -> None:
    run("import", history)
    (tmp_path / "file").touch()
    result = run("export", "7d1f", tmp_path / "file")
    assert result.exit_code == 1
    assert "Not a directory" in result.stdout


def test_interrupted_it_says_what_became_of_it(
    start: Start, run: Run, history: Path, tmp_path: Path
) -> None:
    run("import", history)
    code = (
        "import os, signal, sys\n"
        "from memva.cli import main\n"
        "from memva.adapters.claude_code import TranscriptFolder\n"
        "write = TranscriptFolder.write\n"
        "def interrupted(self, transcript, lines, /, *, overwrite):\n"
        "    if transcript.subpath:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return write(self, transcript, lines, overwrite=overwrite)\n"
        "TranscriptFolder.write = interrupted\n"
        "main()\n"
    )
    process = start("export", "--all", tmp_path / "out", code=code, stdout=subprocess.PIPE)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert told.decode() == (
        "Interrupted; what was exported is whole. Run the same command to go on.\n"
    )
    [exported] = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert exported.name == f"{FIRST}.jsonl"
