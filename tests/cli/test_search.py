from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memva import create_session, record_event
from memva.adapters.sqlite import SqliteStore

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def say(store: SqliteStore, text: str, *, minute: int = 0, **fields: Any) -> None:
    """Record something that a person typed, some minutes after noon."""
    record_event(
        store,
        **{
            "session_id": "claude-1",
            "event_type": "user",
            "timestamp": NOON + timedelta(minutes=minute),
            "data": {"message": {"content": text}},
            **fields,
        },
    )


def test_hits_name_their_session_and_show_why(run: Run, store: SqliteStore) -> None:
    create_session(store, project_path="/p", title="Fix the login", id="session-1", now=NOON)
    say(store, "The login forgets the address", memva_session_id="session-1")
    say(store, "Login again", minute=1)
    result = run("search", "LOGIN")
    assert result.stdout == (
        "claude-1  (no session)  2026-05-01 12:01  user\n"
        "  Login again\n"
        "session-  Fix the login  2026-05-01 12:00  user\n"
        "  The login forgets the address\n"
    )
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (["log", "in"], ["please log in", "in the log"]),
        (['"log in"'], ["please log in"]),
        (["auth*"], ["the author"]),
        (["nothing"], []),
        (['"'], []),
        (["AND", "NOT", "(:"], []),
    ],
)
def test_what_is_typed_is_found(
    run: Run, store: SqliteStore, query: list[str], found: list[str]
) -> None:
    for minute, text in enumerate(["the author", "in the log", "please log in"]):
        say(store, text, minute=minute)
    result = run("search", *query)
    assert [line.strip() for line in result.stdout.splitlines()[1::2]] == found
    assert result.exit_code == 0
    assert result.stderr == ("" if found else "Nothing was found.\n")


def test_a_search_can_be_narrowed(run: Run, store: SqliteStore) -> None:
    create_session(store, project_path="/p", id="ours", now=NOON)
    say(store, "one word", memva_session_id="ours")
    say(store, "two word", minute=1, is_sidechain=True)
    say(store, "three word", minute=2, event_type="error", data={"error": "three word"})

    def found(*options: str) -> list[str]:
        lines = run("search", "word", *options).stdout.splitlines()
        return [line.split()[0] for line in lines[1::2]]

    assert found() == ["three", "two", "one"]
    assert found("--session", "ou") == ["one"]
    assert found("--type", "error") == ["three"]
    assert found("--subagents") == ["two"]
    assert found("--no-subagents") == ["three", "one"]
    assert found("--since", "2026-05-01T12:01:00Z") == ["three", "two"]
    assert found("--until", "2026-05-01T12:01:00Z") == ["one"]
    assert found("--limit", "1") == ["three"]
    assert "--limit shows more" in run("search", "word", "--limit", "1").stderr
    assert run("search", "word", "--session", "theirs").exit_code == 1


def test_the_best_come_first_on_request(run: Run, store: SqliteStore) -> None:
    say(store, "word word word word")
    say(store, "word and three more", minute=1)
    assert run("search", "--best", "word").stdout.splitlines()[1] == "  word word word word"


def test_json_has_the_event_the_snippet_and_the_hits(run: Run, store: SqliteStore) -> None:
    say(store, "The login forgets\nthe address")
    [line] = run("search", "--json", "forgets").stdout.splitlines()
    hit = json.loads(line)
    assert hit["session_id"] == "claude-1"
    assert hit["data"] == {"message": {"content": "The login forgets\nthe address"}}
    assert hit["snippet"] == "The login forgets the address"
    assert hit["hits"] == [[10, 17]]


def test_harmful_text_is_shown_harmlessly(run: Run, store: SqliteStore) -> None:
    say(store, "red \x1b[31m login \u202eevil")
    assert run("search", "login").stdout.splitlines()[1] == "  red [31m login �evil"


def test_what_was_stored_without_search_is_found(run: Run, database: Path) -> None:
    with SqliteStore.open(database, search=False) as store:
        say(store, "before the index")
    assert "before the index" in run("search", "index").stdout


def test_a_search_for_nothing_is_a_wrong_use(run: Run, store: SqliteStore) -> None:
    assert run("search").exit_code == 2


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    assert f"There is no database at {database} yet." in run("search", "x").stderr
    assert not database.exists()
