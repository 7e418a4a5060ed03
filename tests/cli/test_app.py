from __future__ import annotations

import sqlite3
from importlib.metadata import version
from pathlib import Path

import pytest

from memva.adapters.sqlite import SqliteStore
from memva.cli import sessions
from memva.cli.database import default_database
from memva.domain.errors import StoreBusy, StoreCorrupt, StoreError, StoreReadOnly

from .conftest import Run


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout == f"memva {version('memva')}\n"


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["import"],
        ["sessions"],
        ["show"],
        ["jobs"],
        ["jobs", "show"],
        ["jobs", "retry"],
        ["jobs", "cancel"],
        ["jobs", "prune"],
        ["backup"],
    ],
)
def test_every_help_fits_80_columns(run: Run, command: list[str]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "..." not in result.stdout.partition("Commands:")[2]


def test_an_option_that_is_unknown_is_a_usage_error(run: Run) -> None:
    assert run("sessions", "--nope").exit_code == 2


def test_the_default_database_is_in_the_users_data_folder(tmp_path: Path) -> None:
    assert default_database() == tmp_path / "data" / "memva" / "memva.db"


def test_the_default_database_is_used_where_none_is_named(
    run: Run, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEMVA_DB")
    assert run("import", history).exit_code == 0
    assert default_database().exists()


def test_an_option_goes_before_the_environment(run: Run, history: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    assert run("--db", other, "import", history).exit_code == 0
    assert other.exists()
    assert not (tmp_path / "memva.db").exists()


def test_a_folder_is_no_database(run: Run, tmp_path: Path) -> None:
    assert run("--db", tmp_path, "sessions").exit_code == 2


def test_another_applications_file_is_one_error_line(run: Run, database: Path) -> None:
    database.write_text("something else entirely, and long enough to be read as a header" * 20)
    result = run("sessions")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == f"memva: error: {database} is not a SQLite database\n"


def test_a_stores_error_is_one_error_line(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise StoreBusy("another writer\nheld the lock")

    monkeypatch.setattr(sessions, "list_sessions", busy)
    result = run("sessions")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "memva: error: another writer held the lock\n"


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (StoreCorrupt, '"memva check" says what to do'),
        (StoreReadOnly, "memva has to write to the file and its folder"),
    ],
)
def test_what_sqlite_says_comes_with_advice(
    run: Run,
    store: SqliteStore,
    monkeypatch: pytest.MonkeyPatch,
    database: Path,
    kind: type[StoreError],
    advice: str,
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise kind("what SQLite says") from sqlite3.DatabaseError()

    monkeypatch.setattr(sessions, "list_sessions", failing)
    result = run("sessions")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"memva: error: {database}: what SQLite says; {advice}\n"


def test_an_error_of_the_system_is_one_error_line(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "a-file")

    monkeypatch.setattr(sessions, "list_sessions", denied)
    result = run("sessions")
    assert result.exit_code == 1
    assert result.stderr == "memva: error: a-file: Permission denied\n"


def test_ctrl_c_ends_with_the_status_of_shells(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sessions, "list_sessions", pressed)
    result = run("sessions")
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
