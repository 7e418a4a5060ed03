from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from memva import create_job, create_session
from memva.adapters.sqlite import SqliteStore

from .conftest import Run


def own_folder(history: Path, tmp_path: Path, *, days: float) -> Path:
    """Make the history Claude Code's own, last written so many days ago."""
    (tmp_path / "claude").mkdir()
    projects = history.rename(tmp_path / "claude" / "projects")
    then = time.time() - days * 86_400
    for file in projects.rglob("*.jsonl"):
        os.utime(file, (then, then))
    return projects


def test_where_nothing_is_wrong_it_says_so(run: Run, store: SqliteStore, database: Path) -> None:
    create_session(store, project_path="/code")
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"Nothing is wrong with {database}.\n"
    assert run("check", "--thorough").exit_code == 0
    result = run("check", "--json")
    assert (result.exit_code, result.stdout) == (0, "")


def test_without_a_database_none_is_made_and_the_way_is_told(run: Run, database: Path) -> None:
    result = run("check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert 'Run "memva import"' in result.stderr
    assert not database.exists()
    assert not database.parent.joinpath("memva.db-wal").exists()


def test_without_a_database_what_will_be_lost_is_told(
    run: Run, history: Path, tmp_path: Path, database: Path
) -> None:
    own_folder(history, tmp_path, days=29)
    result = run("check")
    assert result.exit_code == 1
    assert result.stdout.count("warning: ") == 4
    assert "never imported" in result.stdout
    assert 'Run "memva import".' in result.stdout
    assert not database.exists()


def test_it_looks_at_a_path_and_at_nothing_else(run: Run, history: Path, tmp_path: Path) -> None:
    projects = own_folder(history, tmp_path, days=29)
    run("import", projects / "-code-app")
    assert run("check", projects / "-code-app").exit_code == 0
    assert run("check", projects / "-code-site").exit_code == 1
    result = run("check", tmp_path / "nowhere")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no such file or folder" in result.stderr


def test_it_goes_by_claude_codes_settings(run: Run, history: Path, tmp_path: Path) -> None:
    projects = own_folder(history, tmp_path, days=29)
    (projects.parent / "settings.json").write_text('{"cleanupPeriodDays": 365}')
    assert run("check").exit_code == 0


def test_findings_are_given_as_json(run: Run, store: SqliteStore) -> None:
    create_job(store, type="prompt", now=store.now() - timedelta(hours=2))
    result = run("check", "--json")
    assert result.exit_code == 1
    assert result.stderr == "1 thing wrong.\n"
    [finding] = map(json.loads, result.stdout.splitlines())
    assert {name: finding[name] for name in ("kind", "severity", "subject")} == {
        "kind": "waiting_jobs",
        "severity": "warning",
        "subject": "prompt",
    }
    assert finding["problem"]
    assert finding["advice"]


def test_of_many_alike_the_first_are_shown(run: Run, store: SqliteStore) -> None:
    for number in range(7):
        create_job(store, type=f"type-{number}", now=store.now() - timedelta(hours=2))
    result = run("check")
    assert result.exit_code == 1
    assert result.stdout.count("warning: type-") == 5
    assert "… and 2 more of this kind; --json lists all." in result.stdout
    assert len(run("check", "--json").stdout.splitlines()) == 7


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_that_cannot_be_opened_is_read_and_left(run: Run, database: Path) -> None:
    SqliteStore.open(database).close()
    whole = database.read_bytes()
    for spoilt, told in (
        (b"no database at all " * 100, "not a SQLite database"),
        (whole[:8192] + b"\xa5" * (len(whole) - 8192), "damaged"),
        (whole[:20_000], "damaged"),
    ):
        database.write_bytes(spoilt)
        before = files(database.parent)
        result = run("check")
        assert result.exit_code == 1
        assert result.stdout.startswith(f"error: {database}\n")
        assert told in result.stdout
        assert files(database.parent) == before


def test_a_newer_memvas_file_is_said_to_be_one(run: Run, database: Path) -> None:
    SqliteStore.open(database).close()
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("PRAGMA user_version = 99")
    before = files(database.parent)
    result = run("check")
    assert result.exit_code == 1
    assert "schema 99, of a newer memva" in result.stdout
    assert "pip install --upgrade memva" in result.stdout
    assert files(database.parent) == before


def test_a_store_without_a_search_index_is_given_none(run: Run, database: Path) -> None:
    SqliteStore.open(database, search=False).close()
    assert run("check").exit_code == 0
    with closing(sqlite3.connect(database)) as raw:
        tables = raw.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'search%'").fetchall()
    assert tables == []


def test_an_older_file_is_left_as_it_is(run: Run, database: Path) -> None:
    SqliteStore.open(database).close()
    with closing(sqlite3.connect(database)) as raw:
        raw.execute("PRAGMA user_version = 3")
    before = files(database.parent)
    result = run("check")
    assert result.exit_code == 1
    assert "of an older memva" in result.stdout
    assert files(database.parent) == before
