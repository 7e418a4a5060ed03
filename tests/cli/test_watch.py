from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memva import EventQuery
from memva.adapters.sqlite import SqliteStore

from .conftest import Run, Start

LONG = 30.0


def until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LONG
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def append(history: Path, text: str) -> None:
    """Append a prompt to a transcript of the sample's."""
    path = history / "-code-site" / "c4b2e9a0-6d1f-4b7e-8f3a-2a90d5e7b611.jsonl"
    line = {"type": "user", "uuid": text, "message": {"role": "user", "content": text}}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def uuids(database: Path) -> set[str]:
    if not database.exists():
        return set()
    with SqliteStore.open(database) as store:
        return {event.uuid for event in store.events.page(EventQuery(), limit=1_000).events}


def begun(process: subprocess.Popen[bytes]) -> str:
    """Return the first line that the process writes to standard error."""
    assert process.stderr is not None
    return process.stderr.readline().decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", [(), ("--polling",)])
def test_it_goes_on_until_it_is_stopped(
    start: Start, history: Path, database: Path, number: signal.Signals, how: tuple[str, ...]
) -> None:
    process = start("import", "--watch", *how, history)
    assert begun(process) == f"Watching {history} until Ctrl-C.\n"
    until(lambda: len(uuids(database)) == 27)
    append(history, "again")
    until(lambda: "again" in uuids(database))
    process.send_signal(number)
    out, err = process.communicate(timeout=LONG)
    assert (process.returncode, err) == (0, b"")
    lines = out.decode().splitlines()
    assert lines[:3] == ["2 sessions created", "28 events added, 0 replaced", "1 problem:"]


def test_it_waits_for_a_place_that_is_not_there_yet(
    start: Start, history: Path, database: Path
) -> None:
    away = history.rename(history.with_name("away"))
    process = start("import", "--watch", history)
    assert begun(process) == f"Waiting for {history}, which is not there yet.\n"
    assert not database.exists()
    away.rename(history)
    assert begun(process) == f"Watching {history} until Ctrl-C.\n"
    append(history, "again")
    until(lambda: "again" in uuids(database))
    process.send_signal(signal.SIGINT)
    assert process.wait(LONG) == 0


def test_it_is_stopped_while_it_waits(start: Start, tmp_path: Path, database: Path) -> None:
    process = start("import", "--watch", tmp_path / "nowhere")
    begun(process)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=LONG) == (b"", b"")
    assert process.returncode == 0
    assert not database.exists()


def test_a_terminal_is_told_of_each_round(start: Start, history: Path, database: Path) -> None:
    ours, theirs = pty.openpty()
    process = start("import", "--watch", history, stdout=theirs)
    os.close(theirs)
    begun(process)
    with os.fdopen(ours, "rb") as terminal:
        assert terminal.readline().endswith(b" 2 new sessions, 27 new events, 1 problem\r\n")
        append(history, "again")
        assert terminal.readline().endswith(b" 1 new event\r\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 0


def test_nothing_is_watched_where_the_database_cannot_be_opened(
    run: Run, history: Path, database: Path
) -> None:
    database.write_text("no database")
    result = run("import", "--watch", history)
    assert result.exit_code == 1
    assert result.stderr == f"memva: error: {database} is not a SQLite database\n"


def test_polling_without_a_watch_is_refused(run: Run, history: Path) -> None:
    result = run("import", "--polling", history)
    assert result.exit_code == 2
    assert "--polling is for --watch" in result.stderr
