from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from memva import SourceUnreadable, delete_session
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore
from memva.services.sessions import list_sessions

from .conftest import Run

BROKEN = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10.jsonl"


def test_it_tells_what_it_came_to_and_what_could_not_be_read(run: Run, history: Path) -> None:
    result = run("import", history)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert result.stderr == ""
    assert lines[:5] == [
        "2 sessions created",
        "27 events added, 0 replaced",
        "5 transcripts, 1 with nothing new",
        "1 problem:",
        f"  {history / '-code-app' / BROKEN}:12",
    ]
    assert lines[5].startswith("    is not JSON")
    assert len(lines) == 6


def test_importing_again_adds_nothing(run: Run, history: Path) -> None:
    run("import", history)
    lines = run("import", history).stdout.splitlines()
    assert lines[:2] == ["0 sessions created", "0 events added, 0 replaced"]
    assert len(lines) == 3


def test_without_a_path_it_takes_claude_codes_own_folder(
    run: Run, history: Path, tmp_path: Path
) -> None:
    (tmp_path / "claude").mkdir()
    history.rename(tmp_path / "claude" / "projects")
    assert "2 sessions created" in run("import").stdout


@pytest.mark.parametrize(
    ("part", "expected"),
    [("-code-site", "1 session created"), (f"-code-app/{BROKEN}", "1 session created")],
)
def test_it_takes_one_project_or_one_file(
    run: Run, history: Path, part: str, expected: str
) -> None:
    assert expected in run("import", history / part).stdout


def test_a_wrong_path_is_an_error_and_makes_no_database(
    run: Run, tmp_path: Path, database: Path
) -> None:
    result = run("import", tmp_path / "nowhere")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"memva: error: {tmp_path / 'nowhere'}: there is no such file or folder\n"
    )
    assert not database.exists()


@pytest.mark.parametrize("command", [("import",), ("import", "--watch"), ("check",)])
def test_a_database_is_no_transcript(
    run: Run, tmp_path: Path, database: Path, command: tuple[str, ...]
) -> None:
    path = tmp_path / "memva-prod.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE sessions (id TEXT)")
    result = run(*command, path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"memva: error: {path}: is a database, no transcript")
    assert '"memva import-db"' in result.stderr
    assert not database.exists()


def test_where_claude_code_was_never_run_it_asks_for_a_path(run: Run) -> None:
    result = run("import")
    assert result.exit_code == 1
    assert result.stderr.endswith("name the PATH of the transcripts\n")


def test_an_empty_folder_has_nothing_to_import(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("import", tmp_path / "empty")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"There are no transcripts in {tmp_path / 'empty'}.\n"


def test_half_a_line_at_the_end_is_told(run: Run, history: Path) -> None:
    site = history / "-code-site" / "c4b2e9a0-6d1f-4b7e-8f3a-2a90d5e7b611.jsonl"
    with site.open("a") as file:
        file.write('{"type":"user","mess')
    result = run("import", site)
    assert result.exit_code == 0
    assert "1 unfinished: the last line is read once it is whole" in result.stdout


def test_only_the_first_problems_are_listed(run: Run, tmp_path: Path) -> None:
    transcript = tmp_path / "t.jsonl"
    transcript.write_text('{"type":"user"}\n' + "nonsense\n" * 12)
    lines = run("import", transcript).stdout.splitlines()
    assert "12 problems:" in lines
    assert [line for line in lines if line.endswith(("t.jsonl:2", "t.jsonl:6", "t.jsonl:7"))] == [
        f"  {transcript}:2",
        f"  {transcript}:6",
    ]
    assert lines[-1] == "  … and 7 more"


def test_a_source_of_which_nothing_can_be_read_is_an_error(
    run: Run, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: TranscriptFiles, source: str) -> None:
        raise SourceUnreadable(source, "Permission denied")

    monkeypatch.setattr(TranscriptFiles, "identify", denied)
    result = run("import", history / "-code-site")
    assert result.exit_code == 1
    assert "2 problems:" in result.stdout
    assert result.stderr == (
        f"memva: error: {history / '-code-site'}: none of it could be imported\n"
    )


def test_what_was_imported_is_there(run: Run, history: Path, database: Path) -> None:
    run("import", history)
    with SqliteStore.open(database) as store:
        assert [session.project_path for session in list_sessions(store)] == [
            "/code/app",
            "/code/site",
        ]


def test_deleted_sessions_are_left_out_and_told_of(run: Run, history: Path, database: Path) -> None:
    run("import", history)
    with SqliteStore.open(database) as store:
        delete_session(store, "c4b2e9a0-6d1f-4b7e-8f3a-2a90d5e7b611")
    result = run("import", history)
    assert result.stdout.splitlines() == [
        "0 sessions created",
        "0 events added, 0 replaced",
        "5 transcripts, 3 with nothing new",
        "2 transcripts of deleted sessions left out; --restore brings them back",
    ]
    result = run("import", "--restore", history)
    assert result.stdout.splitlines() == [
        "1 session created",
        "9 events added, 0 replaced",
        "5 transcripts, 3 with nothing new",
    ]
    assert "left out" not in run("import", history).stdout


def test_secrets_are_taken_out_where_that_is_asked_for(
    run: Run, history: Path, database: Path
) -> None:
    secret = "ghp_" + "Ab1" * 12
    for file in history.rglob("*.jsonl"):
        file.write_text(file.read_text("utf-8").replace(" login", f" {secret}"), "utf-8")
    run("import", history, "--redact")
    assert secret not in run("search", "redacted").stdout
    assert "[redacted: github token]" in run("search", "redacted").stdout
    assert secret.encode() not in database.read_bytes()
