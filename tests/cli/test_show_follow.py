"""`memva show --follow` and `--json`."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from memva import create_session, record_event
from memva.adapters.sqlite import SqliteStore
from memva.domain.json import JsonValue

from .conftest import Run, Start

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

FOLLOW = """
import signal
from memva.cli import main

# A shell may have started the tests with Ctrl-C turned off.
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


class Following:
    """A command that follows, and the lines that it has written."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode().rstrip("\n"))

    def line(self) -> str:
        """Return the next line that is not blank, as soon as it is there."""
        while not (line := self._lines.get(timeout=30)):
            pass
        return line

    def lines(self, number: int) -> list[str]:
        return [self.line() for _ in range(number)]

    def error_line(self) -> bytes:
        """Return the next line of standard error, as soon as it is there."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def press_ctrl_c(self) -> tuple[int, bytes]:
        self.process.send_signal(signal.SIGINT)
        assert self.process.stderr is not None
        return self.process.wait(timeout=30), self.process.stderr.read()


@pytest.fixture
def follow(start: Start) -> Callable[..., Following]:
    return lambda *options: Following(start("show", "s", "--follow", *options, code=FOLLOW))


def say(
    store: SqliteStore,
    event_type: str,
    content: JsonValue,
    *,
    uuid: str | None = None,
    subpath: str = "",
    line: int = 0,
    after: int = 0,
) -> None:
    record_event(
        store,
        session_id="claude-session",
        event_type=event_type,
        uuid=uuid,
        data={"message": {"content": content}},
        is_sidechain=bool(subpath),
        subpath=subpath,
        line=line,
        timestamp=NOON + timedelta(seconds=after),
        memva_session_id="s",
    )


@pytest.fixture
def session(store: SqliteStore) -> SqliteStore:
    create_session(store, project_path="/p", title="Talk", id="s", now=NOON)
    return store


def use(tool_use_id: str, command: str) -> JsonValue:
    return [{"type": "tool_use", "id": tool_use_id, "name": "Bash", "input": {"command": command}}]


def result(tool_use_id: str, content: str) -> JsonValue:
    return [{"type": "tool_result", "tool_use_id": tool_use_id, "content": content}]


def test_what_is_said_is_told_as_it_comes(
    session: SqliteStore, follow: Callable[..., Following]
) -> None:
    say(session, "user", "Please.", uuid="1")
    say(session, "assistant", use("1", "make"), uuid="2")
    following = follow()
    assert following.lines(8)[4:] == [
        "you  2026-05-01 12:00:00",
        "  Please.",
        "claude  2026-05-01 12:00:00",
        "  → Bash make",
    ]
    assert following.line() == "  ← (no result)"
    say(session, "assistant", use("2", "ls"))
    say(session, "user", result("2", "a.py"))
    say(session, "user", result("1", "made"))
    say(session, "progress", None)
    say(session, "assistant", "Done.", subpath="subagents/agent-7f")
    assert following.lines(6) == [
        "  → Bash ls",
        "  ← a.py",
        "  ← Bash make: made",
        "· progress",
        "    subagent 7f  2026-05-01 12:00:00",
        "      Done.",
    ]
    assert following.press_ctrl_c() == (0, b"")


def test_an_event_that_a_better_version_replaces_is_told_once(
    session: SqliteStore, follow: Callable[..., Following]
) -> None:
    say(session, "user", "Please.", uuid="1")
    following = follow()
    following.lines(6)
    say(session, "assistant", "Done.", uuid="2")
    following.lines(2)
    say(session, "user", "Please.", uuid="1", line=1)
    say(session, "assistant", "Done.", uuid="2", line=2)
    say(session, "user", "Thank you.", uuid="3")
    assert following.lines(2) == ["you  2026-05-01 12:00:00", "  Thank you."]


def test_of_a_tail_what_is_older_stays_untold(
    session: SqliteStore, follow: Callable[..., Following]
) -> None:
    for number in range(4):
        say(session, "user", f"{number}", uuid=f"{number}", after=number)
    following = follow("--tail", "2")
    assert following.lines(7)[4:] == ["you  2026-05-01 12:00:02", "  2", "  3"]
    say(session, "user", "0", uuid="0", line=1)
    say(session, "user", "4", after=4)
    assert following.line() == "  4"


def test_a_session_is_followed_from_its_beginning(
    session: SqliteStore, follow: Callable[..., Following]
) -> None:
    following = follow()
    following.lines(4)
    assert following.error_line() == b"This session has no events yet.\n"
    say(session, "user", "Please.")
    assert following.lines(2) == ["you  2026-05-01 12:00:00", "  Please."]
    assert following.press_ctrl_c() == (0, b"")


def test_as_json_every_version_is_one_line(
    session: SqliteStore, follow: Callable[..., Following]
) -> None:
    say(session, "user", "Please.", uuid="1")
    following = follow("--json")
    first = json.loads(following.line())
    say(session, "user", "Please.", uuid="1", line=1)
    second = json.loads(following.line())
    assert (first["uuid"], first["line"], second["uuid"], second["line"]) == ("1", 0, "1", 1)
    assert first["position"] < second["position"]


def test_as_json_every_field_of_every_event_is_there(run: Run, session: SqliteStore) -> None:
    say(session, "user", "nul \0 half \ud83d", uuid="1", line=1)
    say(session, "assistant", "Yes.", uuid="2", line=2, after=1)
    first, second = map(json.loads, run("show", "s", "--json").stdout.splitlines())
    assert first == {
        "uuid": "1",
        "session_id": "claude-session",
        "event_type": "user",
        "timestamp": "2026-05-01T12:00:00.000000Z",
        "is_sidechain": False,
        "parent_uuid": None,
        "cwd": "",
        "project_name": "",
        "data": {"message": {"content": "nul \0 half \ud83d"}},
        "memva_session_id": "s",
        "project_key": "",
        "subpath": "",
        "line": 1,
        "position": 1,
    }
    assert second["uuid"] == "2"
    assert run("show", "s", "--json", "--tail", "1").stdout == json.dumps(second) + "\n"
