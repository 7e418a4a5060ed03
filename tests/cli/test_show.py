from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memva import create_session, get_events_for_session, record_event
from memva.adapters.sqlite import SqliteStore
from memva.cli.conversation import whole
from memva.cli.conversation.lines import Scribe
from memva.domain.event import Event
from memva.domain.json import JsonObject, JsonValue

from .conftest import Run

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)

CONVERSATION = """\
Keep the e-mail address after a failed login
7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10
/code/app
active, 2026-03-02 09:00 to 2026-03-02 10:15

· permission-mode, file-history-snapshot

you  2026-03-02 09:00:00
  The login form forgets the e-mail address after a wrong password. Please fix it.

claude  2026-03-02 09:00:04
  (thinking) The form is rendered by login.py; let me look at it and at its test.
  → Read /code/app/login.py
  ← def login(form): (4 lines)
  → Task Find the tests of the login form
  ← tests/test_login.py covers it.

    to subagent 5c21  2026-03-02 09:00:05
      Which tests cover the login form?

    subagent 5c21  2026-03-02 09:00:21
      tests/test_login.py covers it.

claude  2026-03-02 09:00:24
  → Bash pytest tests/test_login.py
  ✗ binary � and half a pair � in the output
· permission-mode

you  2026-03-02 10:15:00
  Go on, please.

claude  2026-03-02 10:15:12
  Done: the form is rendered with the address that was typed, and a test holds it.
· ai-title, a-type-of-tomorrow
"""


def say(store: SqliteStore, event_type: str, content: JsonValue, **more: JsonValue) -> None:
    data: JsonObject = {"message": {"content": content}, **more}
    record_event(
        store,
        session_id="claude-session",
        event_type=event_type,
        data=data,
        timestamp=NOON,
        memva_session_id="s",
    )


@pytest.fixture
def session(store: SqliteStore) -> SqliteStore:
    create_session(store, project_path="/p", title="Talk", id="s", now=NOON)
    return store


def said(run: Run) -> list[str]:
    return run("show", "s").stdout.splitlines()[4:]


def test_a_conversation_reads_as_one(run: Run, history: Path) -> None:
    run("import", history)
    result = run("show", "7d1f")
    assert result.stdout == CONVERSATION
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("first", range(1, 22))
def test_what_is_told_before_all_is_read_is_the_same(
    run: Run, history: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    run("import", history)
    monkeypatch.setattr(whole, "_FIRST", first)
    assert run("show", "7d1f").stdout == CONVERSATION


def test_what_nothing_later_belongs_to_is_told_before_all_is_read(
    session: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> Iterator[Event]:
        say(session, "user", "Please.")
        say(session, "assistant", [{"type": "tool_use", "id": "1", "name": "Read", "input": {}}])
        yield from get_events_for_session(session, "s")
        raise AssertionError("all was read")

    monkeypatch.setattr(whole, "_FIRST", 2)
    lines = whole.conversation(events(), Scribe(lambda *_: None))
    assert [next(lines).text for _ in range(3)][2] == "Please."
    with pytest.raises(AssertionError, match="all was read"):
        next(lines)


def test_a_subagent_in_the_main_file_is_indented_too(run: Run, history: Path) -> None:
    run("import", history)
    lines = run("show", "c4b2e9a0-6d1f-4b7e-8f3a-2a90d5e7b611").stdout.splitlines()
    assert "  /model opus" in lines
    assert "    subagent  2026-01-15 13:59:59" in lines
    assert "      index.html, about.html" in lines
    assert lines[-1] == "⋯ compacted (manual, 1,200 tokens before)"


def test_events_apart_from_the_conversation_are_folded(run: Run, session: SqliteStore) -> None:
    for _ in range(3):
        say(session, "progress", None)
    say(session, "user", "note by Claude Code itself", isMeta=True)
    say(session, "assistant", 7)
    assert said(run) == ["", "· progress (3), note, assistant"]


def test_every_kind_of_block_has_its_line(run: Run, session: SqliteStore) -> None:
    say(
        session,
        "assistant",
        [
            {"type": "text", "text": "one\n\n  two\n"},
            {"type": "text", "text": " "},
            {"type": "tool_use", "name": "Odd", "input": {"n": 1, "deep": {"a": []}}},
            {"type": "tool_use", "name": "Bare", "input": {}},
            {"type": "redacted_thinking", "data": "…"},
            "not a block",
        ],
    )
    say(
        session,
        "user",
        [
            {"type": "tool_result", "content": [{"type": "text", "text": "a\nb"}]},
            {"type": "tool_result", "content": [{"type": "image", "source": {}}]},
            {"type": "tool_result"},
            {"type": "tool_result", "content": "x" * 300, "is_error": True},
            {"type": "image", "source": {}},
            {"type": "text", "text": "look"},
        ],
    )
    assert said(run) == [
        "",
        "claude  2026-05-01 12:00:00",
        "  one",
        "",
        "    two",
        '  → Odd {"n": 1, "deep": {"a": []}}',
        "  → Bare",
        "  [redacted_thinking]",
        "  ← a (2 lines)",
        "  ← [image]",
        "  ← (nothing)",
        "  ✗ " + "x" * 200 + "…",
        "",
        "you  2026-05-01 12:00:00",
        "  [image]",
        "  look",
    ]


def test_odd_text_cannot_steer_a_terminal(run: Run, session: SqliteStore) -> None:
    odd = "nul \0 half \ud83d bell \a title \x1b]0;evil\x07 clear \x1b[2J c1 \x9b5m end \x1b"
    say(session, "user", odd)
    say(session, "assistant", [{"type": "tool_use", "name": odd, "input": {odd: odd}}])
    say(session, "user", [{"type": "tool_result", "content": odd}])
    say(session, "system", None, subtype=odd)
    output = run("show", "s").stdout
    assert [c for c in output if c != "\n" and not c.isprintable()] == []
    assert "  nul � half � bell � title  clear  c1 �5m end �" in output.splitlines()


def test_an_unknown_id_is_one_error_line(run: Run, store: SqliteStore) -> None:
    result = run("show", "nope\x1b[2J")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "memva: error: no session's id begins with 'nope\\x1b[2J'\n"


def test_an_ambiguous_prefix_is_one_error_line(run: Run, store: SqliteStore) -> None:
    for number in range(4):
        create_session(store, project_path="/p", id=f"same-{number}", now=NOON)
    result = run("show", "same")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == ("memva: error: 4 ids begin with 'same': same-3, same-2, same-1, …\n")


def test_a_session_without_events_says_so(run: Run, session: SqliteStore) -> None:
    result = run("show", "s")
    assert result.exit_code == 0
    assert result.stdout.startswith("Talk\ns\n/p\n")
    assert result.stderr == "This session has no events yet.\n"


def test_where_there_is_no_database_none_is_made(run: Run, database: Path) -> None:
    result = run("show", "s")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f'memva: error: there is no database at {database} yet; "memva import" makes it\n'
    )
    assert not database.exists()
