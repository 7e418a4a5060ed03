from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memva import archive_session, create_session, record_event, update_session
from memva.adapters.sqlite import SqliteStore

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TOKENS = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_creation_tokens": 0,
    "cache_read_tokens": 0,
    "total_tokens": 0,
}
NOTHING = {
    **TOKENS,
    "responses": 0,
    "sidechain_responses": 0,
    "provisional_responses": 0,
    "is_final": True,
}


def test_it_lists_the_last_updated_first(run: Run, history: Path) -> None:
    run("import", history)
    result = run("sessions")
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["ID", "TITLE", "PROJECT", "UPDATED", "STATUS", "TURNS", "TOKENS"]
    assert first == (
        "7d1f0c52  Keep the e-mail address after a failed login       "
        "app      2026-03-02 10:15  active      2   9,154"
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
            "stats": {
                "events": {},
                "turns": 0,
                "tools": {},
                "sidechain_tools": {},
                "first_at": None,
                "last_at": None,
                "models": [],
                "usage": {**NOTHING, "sidechain_usage": TOKENS},
                "context_tokens": None,
                "reported_costs": [],
            },
            "latest_message": None,
        }
    ]


def test_json_tells_what_sessions_amount_to(run: Run, history: Path) -> None:
    run("import", history)
    first, _ = map(json.loads, run("sessions", "--json").stdout.splitlines())
    assert first["stats"]["turns"] == 2
    assert first["stats"]["tools"] == {"Bash": 1, "Read": 1, "Task": 1}
    assert first["stats"]["usage"]["total_tokens"] == 9_154
    assert first["latest_message"]["data"]["message"]["id"] == "msg_03"


def test_what_claude_code_reported_is_shown_where_it_did(run: Run, store: SqliteStore) -> None:
    for number in (1, 2):
        create_session(store, project_path="/p", id=f"session-{number}", now=NOON)
    for number, claude_session, usd in ((1, "a", 0.5), (1, "b", 1.25), (2, "c", 0.123)):
        record_event(
            store,
            session_id=claude_session,
            memva_session_id=f"session-{number}",
            event_type="result",
            data={"total_cost_usd": usd},
        )
    heading, *rows = run("sessions").stdout.splitlines()
    assert heading.split()[-1] == "REPORTED"
    assert [row.split()[-1] for row in rows] == ["$0.12", "≥$1.25"]


def test_a_list_can_be_narrowed_and_sorted(run: Run, store: SqliteStore) -> None:
    for title, folder in (("Beta", "/p"), ("alpha", "/p"), ("Gamma", "/q")):
        create_session(store, project_path=folder, title=title, id=title, now=NOON)
    update_session(store, "Beta", status="completed", now=NOON)

    def listed(*options: str) -> list[str]:
        return [line.split()[1] for line in run("sessions", *options).stdout.splitlines()[1:]]

    assert listed("--sort", "title") == ["alpha", "Beta", "Gamma"]
    assert listed("--project", "/p", "--sort", "title") == ["alpha", "Beta"]
    assert listed("--title", "ALPH") == ["alpha"]
    assert listed("--status", "completed") == ["Beta"]
    assert run("sessions", "--title", "nothing").stderr == "No such session.\n"
    assert "--limit shows more" in run("sessions", "--limit", "1").stderr


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
        "0",
        "0",
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
        "�id  red , a title, �2J, two lines and �tac           2026-05-01 12:00  active      0"
        "       0"
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


@pytest.mark.parametrize("typed", [".", "./", "../here", "{here}/", "{here}"])
def test_a_folder_is_meant_however_it_is_typed(
    run: Run, store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    create_session(store, project_path=str(here), title="in it", now=NOON)
    create_session(store, project_path="here", title="elsewhere", now=NOON)
    result = run("sessions", "--project", typed.format(here=here))
    assert "in it" in result.stdout
    assert "elsewhere" not in result.stdout
