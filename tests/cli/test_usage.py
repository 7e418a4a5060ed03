from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memva import create_session, record_event
from memva.adapters.sqlite import SqliteStore

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def respond(
    store: SqliteStore,
    response: str,
    tokens: int,
    *,
    stop_reason: str | None = "end_turn",
    model: str = "claude-sonnet-4-5",
    **fields: Any,
) -> None:
    """Record a response that wrote so many tokens."""
    record_event(
        store,
        **{
            "session_id": "claude-1",
            "event_type": "assistant",
            "timestamp": NOON,
            "cwd": "/code/app",
            "data": {
                "message": {
                    "id": response,
                    "model": model,
                    "stop_reason": stop_reason,
                    "usage": {"output_tokens": tokens},
                }
            },
            **fields,
        },
    )


def test_days_have_bars_and_models_and_projects_tables(run: Run, store: SqliteStore) -> None:
    respond(store, "one", 1_000)
    respond(store, "two", 250, timestamp=NOON + timedelta(days=1), model="claude-haiku-4-5")
    respond(store, "three", 1, timestamp=NOON + timedelta(days=2), cwd="/code/site")
    result = run("usage")
    assert result.stdout == (
        "1,251 tokens in 3 responses\n"
        "\n"
        "2026-05-01  1,000  ██████████████████████████████\n"
        "2026-05-02    250  ███████▌\n"
        "2026-05-03      1  ▏\n"
        "\n"
        "MODEL              RESPONSES  INPUT  CACHE WRITE  CACHE READ  OUTPUT  TOTAL\n"
        "claude-sonnet-4-5          2      0            0           0   1,001  1,001\n"
        "claude-haiku-4-5           1      0            0           0     250    250\n"
        "\n"
        "PROJECT  RESPONSES  INPUT  CACHE WRITE  CACHE READ  OUTPUT  TOTAL\n"
        "app              2      0            0           0   1,250  1,250\n"
        "site             1      0            0           0       1      1\n"
    )
    assert result.stderr == ""


def test_a_fork_is_counted_once_and_what_is_not_final_is_marked(
    run: Run, store: SqliteStore
) -> None:
    respond(store, "one", 10)
    respond(store, "one", 10, session_id="fork")
    respond(store, "two", 1, stop_reason=None)
    respond(store, "three", 5, is_sidechain=True, subpath="subagents/agent-1")
    heading, subagents, marked, _, day = run("usage", "--by", "day").stdout.splitlines()
    assert heading == "16 tokens in 3 responses"
    assert subagents == "of these 5 tokens in 1 of subagents"
    assert marked == "~ 1 response without final figures: the truth is more"
    assert day.startswith("2026-05-01  ~16  █")


def test_days_are_those_of_the_local_time(
    run: Run, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Late in the evening of UTC it is the next day farther east, one hour more so in summer."""
    respond(store, "winter", 1, timestamp=datetime(2026, 1, 1, 22, 30, tzinfo=UTC))
    respond(store, "summer", 2, timestamp=datetime(2026, 7, 1, 22, 30, tzinfo=UTC))
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    rows = json.loads(run("usage", "--json").stdout)["rows"]
    assert [row["day"] for row in rows] == ["2026-01-01", "2026-07-02"]


def test_json_is_an_object_with_the_total_and_the_rows(run: Run, history: Path) -> None:
    run("import", history)
    result = run("usage", "--json", "--by", "model")
    report = json.loads(result.stdout)
    assert report["by"] == "model"
    assert report["total"]["total_tokens"] == 9_173
    assert report["total"]["sidechain_usage"]["total_tokens"] == 559
    assert [row["model"] for row in report["rows"]] == [
        "claude-haiku-4-5",
        "claude-opus-4",
        "claude-sonnet-4-5",
    ]
    assert sum(row["total_tokens"] for row in report["rows"]) == 9_173


def test_usage_by_session_names_the_session(run: Run, store: SqliteStore) -> None:
    create_session(store, project_path="/p", id="ours", now=NOON)
    respond(store, "one", 7, memva_session_id="ours")
    assert run("usage", "--by", "session").stdout.splitlines()[-1].split()[0] == "ours"


@pytest.mark.parametrize(
    ("options", "days"),
    [
        (["--since", "2026-05-02"], ["2026-05-02", "2026-05-03"]),
        (["--until", "2026-05-02"], ["2026-05-01"]),
        (["--since", "2026-05-02", "--until", "2026-05-03"], ["2026-05-02"]),
        (["--since", "52w", "--until", "2026-05-02T12:00:00+00:00"], ["2026-05-01"]),
    ],
)
def test_a_span_narrows(run: Run, store: SqliteStore, options: list[str], days: list[str]) -> None:
    for day in range(3):
        respond(store, str(day), 1, timestamp=NOON + timedelta(days=day))
    rows = json.loads(run("usage", "--json", *options).stdout)["rows"]
    assert [row["day"] for row in rows] == days


def test_nothing_used_is_said(run: Run, store: SqliteStore) -> None:
    assert run("usage").stderr == "No usage yet.\n"
    assert run("usage", "--since", "1d").stderr == "No usage in that time.\n"
    assert json.loads(run("usage", "--json").stdout)["total"]["responses"] == 0


@pytest.mark.parametrize("typed", ["yesterday", "", "2026-13-01", "7x"])
def test_a_moment_that_is_none_is_refused(run: Run, store: SqliteStore, typed: str) -> None:
    result = run("usage", "--since", typed)
    assert result.exit_code == 2
    assert "neither a date" in result.stderr


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    assert f"There is no database at {database} yet." in run("usage").stderr
    assert not database.exists()
