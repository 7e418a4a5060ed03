from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from memva import archive_session, create_session, list_sessions, record_event, update_session
from memva.adapters.sqlite import SqliteStore
from memva.cli import session_prune
from memva.cli.app import app

from .conftest import Run


@pytest.fixture
def old(store: SqliteStore) -> SqliteStore:
    """A store with sessions that were last updated 10, 100 and 200 days ago."""
    for days in (10, 100, 200):
        now = store.now() - timedelta(days=days)
        id_ = f"days-{days}"
        create_session(store, project_path="/code/app", title=f"{days} ago", id=id_, now=now)
        record_event(
            store, session_id=id_, event_type="user", data={}, timestamp=now, memva_session_id=id_
        )
    return store


def left(store: SqliteStore) -> list[str]:
    return sorted(session.id for session in list_sessions(store, archived=None))


def test_a_dry_run_tells_which_and_deletes_none(run: Run, old: SqliteStore) -> None:
    result = run("sessions", "prune", "--older-than", "90d", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *lines = result.stdout.splitlines()
    assert first == "2 sessions with 2 events would be deleted:"
    assert [line.split()[0] for line in lines] == ["days-200", "days-100"]
    assert lines[0].endswith("200 ago")
    assert len(left(old)) == 3


def test_it_deletes_when_told_not_to_ask(run: Run, old: SqliteStore) -> None:
    update_session(old, "days-200", claude_status="processing", now=old.now() - timedelta(days=200))
    result = run("sessions", "prune", "--older-than", "90d", "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == ["1 session with 1 event deleted.", "1 session kept:"]
    assert "days-200" in result.stdout.splitlines()[2]
    assert left(old) == ["days-10", "days-200"]


def test_it_deletes_nothing_where_nobody_can_be_asked(run: Run, old: SqliteStore) -> None:
    result = run("sessions", "prune", "--older-than", "90d")
    assert result.exit_code == 1
    assert "--yes" in result.stderr
    assert len(left(old)) == 3


@pytest.mark.parametrize(("answer", "number"), [("y\n", 1), ("n\n", 3), ("\n", 3)])
def test_it_asks_on_a_terminal(
    old: SqliteStore, monkeypatch: pytest.MonkeyPatch, answer: str, number: int
) -> None:
    monkeypatch.setattr(session_prune, "_can_ask", lambda: True)
    result = CliRunner().invoke(app, ["sessions", "prune", "--older-than", "90d"], input=answer)
    assert result.exit_code == 0
    assert ("Nothing was deleted." in result.stderr) is (number == 3)
    assert len(left(old)) == number


def test_no_answer_deletes_nothing(old: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_prune, "_can_ask", lambda: True)
    result = CliRunner().invoke(app, ["sessions", "prune", "--older-than", "90d"], input="")
    assert result.exit_code == 130
    assert result.stderr.endswith("\nNothing was deleted.\n")
    assert len(left(old)) == 3


@pytest.mark.parametrize(
    ("options", "pruned"),
    [
        (["--archived"], {"days-100"}),
        (["--keep", "2"], {"days-200"}),
        (["--project", "/elsewhere"], set()),
        (["--project", "/code/app/"], {"days-100", "days-200"}),
        (["--status", "completed"], set()),
    ],
)
def test_options_narrow(run: Run, old: SqliteStore, options: list[str], pruned: set[str]) -> None:
    archive_session(old, "days-100", now=old.now() - timedelta(days=100))
    result = run("sessions", "prune", "--older-than", "90d", "--yes", *options)
    assert result.exit_code == 0
    assert set(left(old)) == {"days-10", "days-100", "days-200"} - pruned
    assert ("No session is so old" in result.stdout) is (not pruned)


def test_options_of_the_list_stand_after_it(run: Run, old: SqliteStore) -> None:
    result = run("sessions", "--limit", "1", "prune", "--older-than", "1d")
    assert result.exit_code == 2
    assert "--limit is for the list of sessions" in result.stderr


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    result = run("sessions", "prune", "--older-than", "1d", "--yes")
    assert result.exit_code == 1
    assert "no database" in result.stderr
    assert not database.exists()
