from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memva import archive_session, create_session
from memva.adapters.sqlite import SqliteStore

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_it_lists_the_last_updated_first(run: Run, history: Path) -> None:
    run("import", history)
    result = run("sessions")
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["ID", "TITLE", "PROJECT", "UPDATED", "STATUS"]
    assert first == (
        "7d1f0c52  Keep the e-mail address after a failed login       "
        "app      2026-03-02 10:15  active"
    )
    assert second.startswith("c4b2e9a0  Übersetze die Startseite ins Japanische: ようこそ  site")
    assert result.stderr == ""


def test_a_limit_lists_the_last(run: Run, history: Path) -> None:
    run("import", history)
    assert len(run("sessions", "--limit", "1").stdout.splitlines()) == 2
    assert run("sessions", "--limit", "0").exit_code == 2


def test_json_has_every_field_a_line_for_each_session(run: Run, store: SqliteStore) -> None:
    session = create_session(
        store, project_path="/code/app", title="ß\x1b[31m", metadata={"a": [1]}, id="one", now=NOON
    )
    result = run("sessions", "--json")
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "id": "one",
            "title": session.title,
            "created_at": "2026-05-01T12:00:00.000000Z",
            "updated_at": "2026-05-01T12:00:00.000000Z",
            "status": "active",
            "project_path": "/code/app",
            "metadata": {"a": [1]},
            "claude_status": "not_started",
            "archived_at": None,
            "title_origin": "host",
        }
    ]


def test_sessions_put_away_are_listed_on_request(run: Run, store: SqliteStore) -> None:
    create_session(store, project_path="/p", title="away", id="away", now=NOON)
    archive_session(store, "away", now=NOON)
    assert run("sessions").stdout == ""
    assert "--all" in run("sessions").stderr
    assert run("sessions", "--all").stdout.splitlines()[1].split() == [
        "away",
        "away",
        "p",
        "2026-05-01",
        "12:00",
        "archived",
    ]


@pytest.mark.parametrize("options", [[], ["--json"], ["--all"]])
def test_an_empty_database_says_what_to_do(
    run: Run, store: SqliteStore, options: list[str]
) -> None:
    result = run("sessions", *options)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == (
        'No sessions yet. Run "memva import" to bring in Claude Code\'s history.\n'
    )


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    result = run("sessions")
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"There is no database at {database} yet." in result.stderr
    assert 'Run "memva import"' in result.stderr
    assert not database.exists()


def test_short_ids_are_as_long_as_tells_them_apart(run: Run, store: SqliteStore) -> None:
    for session_id in ("aaaaaaaaaa-1", "aaaaaaaaaa-2", "aaaaaaaaaa", "bbbbbbbbbbbb"):
        create_session(store, project_path="/p", id=session_id, now=NOON)
    shown = [line.split()[0] for line in run("sessions").stdout.splitlines()[1:]]
    assert shown == ["bbbbbbbb", "aaaaaaaaaa-2", "aaaaaaaaaa-1", "aaaaaaaaaa"]
    for short in shown:
        assert run("show", short).exit_code == 0


def test_odd_text_cannot_break_a_line_or_steer_a_terminal(run: Run, store: SqliteStore) -> None:
    title = "red \x1b[31m, a title\x1b]0;evil\x07, \x9b2J, two\nlines\tand \u202etac"
    create_session(store, project_path="/p/\x1b[2J", title=title, id="\x1bid", now=NOON)
    _, line = run("sessions").stdout.splitlines()
    assert line == (
        "�id  red , a title, �2J, two lines and �tac           2026-05-01 12:00  active"
    )


@pytest.mark.parametrize("zone", ["WEST+12", "EAST-12"])
def test_times_at_the_ends_of_the_calendar_are_shown(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    for now in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)):
        create_session(store, project_path="/p", id=f"in-{now.year}", now=now)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    last, first = run("sessions").stdout.splitlines()[1:]
    assert " 9999-12-31 " in last
    assert " 0001-01-01 " in first
