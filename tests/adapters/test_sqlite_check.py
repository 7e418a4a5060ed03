"""What is found wrong with a SQLite file, whether it can be opened or not; none is changed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from memva import EventQuery, Finding, StoreCorrupt, create_session
from memva.adapters import search_finding
from memva.adapters.sqlite import SqliteStore, checking
from memva.testing import sample_event


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with some pages in it, whose log was taken in."""
    path = tmp_path / "memva.db"
    with SqliteStore.open(path) as store:
        session = create_session(store, project_path="/code")
        store.events.append(
            [
                sample_event(uuid=str(n), memva_session_id=session.id, data={"text": "x" * 2_000})
                for n in range(100)
            ]
        )
    return path


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(script)


def spoil(path: Path, at: int = 20_000, length: int = 60_000) -> None:
    """Write over the pages of the file, but for its header."""
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * length)


def kinds(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.kind, finding.severity) for finding in findings]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("thorough", [False, True])
def test_a_sound_file_has_nothing_wrong(path: Path, thorough: bool) -> None:
    before, touched = files(path.parent), path.parent.stat().st_mtime_ns
    assert SqliteStore.examine(path, thorough=thorough) == []
    # No file was made beside it, not even for a moment.
    assert (files(path.parent), path.parent.stat().st_mtime_ns) == (before, touched)


def test_a_file_in_use_is_read_with_its_log(path: Path) -> None:
    with SqliteStore.open(path) as store:
        create_session(store, project_path="/more")
        assert SqliteStore.examine(path) == []
        assert store.check() == []


@pytest.mark.parametrize(
    ("prepare", "kind", "severity", "told"),
    [
        (
            lambda path: path.write_text("not a database " * 100),
            "foreign_file",
            "error",
            "not",
        ),
        (lambda path: run(path, "PRAGMA application_id = 7"), "foreign_file", "error", "another"),
        (
            lambda path: run(path, "PRAGMA user_version = 99"),
            "schema",
            "error",
            "newer",
        ),
        (
            lambda path: run(path, "PRAGMA user_version = 3"),
            "schema",
            "warning",
            "older",
        ),
        (spoil, "damage", "error", "is damaged"),
        (lambda path: spoil(path, at=110, length=2_000), "damage", "error", "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:40_000]), "damage", "error", "damaged"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_and_the_file_left(
    path: Path, prepare: Callable[[Path], object], kind: str, severity: str, told: str
) -> None:
    prepare(path)
    before = files(path.parent)
    findings = SqliteStore.examine(path)
    assert {(finding.kind, finding.severity) for finding in findings} == {(kind, severity)}
    assert told in findings[0].problem
    assert findings[0].advice
    assert files(path.parent) == before


def test_damage_is_found_in_an_open_store_not_raised(path: Path) -> None:
    with SqliteStore.open(path) as store:
        spoil(path)
        assert set(kinds(store.check())) == {("damage", "error")}
        with pytest.raises(StoreCorrupt):
            store.events.page(EventQuery(), limit=1_000)


def test_an_index_that_differs_from_its_table_is_found_thoroughly(path: Path) -> None:
    run(
        path,
        """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_master SET sql = replace(sql, '(created_at, id', '(id, id')
        WHERE name = 'sessions_by_creation';
        """,
    )
    assert SqliteStore.examine(path) == []
    assert set(kinds(SqliteStore.examine(path, thorough=True))) == {("damage", "error")}


def test_rows_that_belong_to_nothing_are_counted(path: Path) -> None:
    run(path, "PRAGMA foreign_keys = OFF; DELETE FROM sessions")
    [finding] = SqliteStore.examine(path)
    assert (finding.kind, finding.severity, finding.subject) == ("dangling_rows", "error", "events")
    assert finding.problem.startswith("100 of its rows belong to rows of sessions")


def test_a_search_index_in_arrears_is_noted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_finding, "MOST_ARREARS", 99)
    [finding] = SqliteStore.examine(path)
    assert (finding.kind, finding.severity) == ("search_index", "note")
    assert finding.problem.startswith("100 events are not in it yet")
    monkeypatch.setattr(search_finding, "MOST_ARREARS", 100)
    assert SqliteStore.examine(path) == []
    run(path, "UPDATE search_state SET version = '0.0'")
    assert "other rules" in SqliteStore.examine(path)[0].problem


def test_a_store_without_search_has_no_arrears(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "memva.db", search=False) as store:
        create_session(store, project_path="/code")
        assert store.check() == []


def test_a_log_that_outgrew_its_limit_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "MOST_LOG", 0)
    assert SqliteStore.examine(path) == []
    with SqliteStore.open(path) as store:
        create_session(store, project_path="/more")
        [finding] = store.check()
    assert (finding.kind, finding.severity) == ("log_size", "warning")
    assert finding.subject == f"{path}-wal"


def test_a_disk_that_is_nearly_full_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(path).free
    monkeypatch.setattr(checking, "LEAST_FREE", 2 * free)
    assert kinds(SqliteStore.examine(path)) == [("disk_space", "warning")]


def test_the_worst_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "LEAST_FREE", 2**62)
    monkeypatch.setattr(search_finding, "MOST_ARREARS", 0)
    run(path, "PRAGMA foreign_keys = OFF; DELETE FROM sessions")
    severities = [finding.severity for finding in SqliteStore.examine(path)]
    assert severities == ["error", "warning", "note"]


def test_ctrl_c_ends_a_long_look(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "_STEPS_BETWEEN_BREATHS", 10)
    monkeypatch.setattr(checking, "_breathe", pressed)
    with SqliteStore.open(path) as store:
        with pytest.raises(KeyboardInterrupt):
            store.check()
        create_session(store, project_path="/goes/on")
    with pytest.raises(KeyboardInterrupt):
        SqliteStore.examine(path)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    # A folder, as whoever runs the tests may be allowed to read any file.
    assert kinds(SqliteStore.examine(tmp_path)) == [("unreadable", "error")]
