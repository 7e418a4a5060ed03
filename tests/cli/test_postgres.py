"""The commands on a PostgreSQL database."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from memva.cli.database import Server


@pytest.fixture
def server(postgres_url: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a database on a server as the one that commands use; return its URL."""
    monkeypatch.setenv("MEMVA_DB", postgres_url)
    monkeypatch.setenv("MEMVA_SCHEMA", postgres_schema)
    return postgres_url


def test_commands_take_a_url(run: Run, history: Path, server: str) -> None:
    assert "2 sessions created" in run("import", history).stdout
    assert "Keep the e-mail" in run("sessions").stdout
    assert "Keep the e-mail" in run("show", "7d1f").stdout
    assert run("search", "e-mail").exit_code == 0
    assert json.loads(run("usage", "--json").stdout)["total"]
    checked = run("check", history)
    assert "Nothing is wrong with postgresql://" in checked.stderr
    exported = run("export", "--all", history.parent / "exported")
    assert (exported.exit_code, exported.stderr) == (0, "")


def test_a_file_is_copied_to_a_server(
    run: Run, history: Path, database: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--db", database, "import", history)
    for _ in range(2):
        result = run("--db", database, "copy", server)
        assert "everything was compared" in result.stdout
    assert run("sessions").stdout == run("--db", database, "sessions").stdout
    assert "is the database itself" in run("copy", server).stderr


def test_backup_is_of_files(run: Run, server: str, tmp_path: Path) -> None:
    result = run("backup", tmp_path / "copy.db")
    assert (result.exit_code, "pg_dump" in result.stderr) == (1, True)


def test_server_that_is_not_there_is_told(run: Run) -> None:
    result = run("--db", "postgresql://me:secret@127.0.0.1:1/x?connect_timeout=1", "sessions")
    assert result.exit_code == 1
    assert "secret" not in result.output


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me@host/db"),
        ("postgresql://host/db?password=secret&user=me", "postgresql://host/db?password=…&user=me"),
        ("postgresql:///db", "postgresql:///db"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert str(Server(url, "memva")) == shown
    assert "secret" not in repr(Server(url, "memva"))


def test_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "memva.adapters.postgres", None)
    result = run("--db", "postgresql://host/db", "sessions")
    assert "memva[postgres]" in result.stderr
