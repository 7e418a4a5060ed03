"""What of an event is searched."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memva.domain.json import decode_json
from memva.domain.searchable import (
    EXTRACTION_VERSION,
    LONGEST_GIVEN,
    LONGEST_RESULT,
    LONGEST_SAID,
    LONGEST_SEARCHABLE,
    searchable_text,
)
from memva.domain.text import is_storable
from memva.domain.word_rules import words
from memva.testing import sample_event

HISTORY = Path(__file__).parents[2] / "examples" / "history"
BYTES = base64.b64encode(bytes(range(256)) * 4).decode()


def said(event_type: str, content: Any, **data: Any) -> str:
    return searchable_text(
        sample_event(event_type=event_type, data={"message": {"content": content}, **data})
    )


def line(event_type: str, **data: Any) -> str:
    return searchable_text(sample_event(event_type=event_type, data=data))


def called(name: str, **given: Any) -> list[str]:
    return said("assistant", [{"type": "tool_use", "name": name, "input": given}]).splitlines()


def returned(content: Any) -> str:
    return said("user", [{"type": "tool_result", "content": content}])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Fix the login", "Fix the login"),
        (
            [{"type": "text", "text": "Fix"}, {"type": "image", "source": {"data": "x"}}],
            "Fix",
        ),
        (
            "<command-name>/review</command-name> <command-args>42</command-args>",
            "/review   42",
        ),
        ("<bash-input>ls</bash-input>", "ls"),
        ("<local-command-stdout>done</local-command-stdout>", "done"),
        ("Fix<system-reminder>Be\nkind</system-reminder> it", "Fix  it"),
        ("<system-reminder>never closed", ""),
        ([{"type": "tool_result", "content": "ok"}], "ok"),
        ([{"type": "tool_result", "content": [{"type": "text", "text": "ok"}]}], "ok"),
        ([{"type": "tool_result", "content": [{"type": "image"}]}, "tail"], "tail"),
        ([{"type": "document", "title": "Plan"}], "Plan"),
        ("a\x00\ud800", "a\ufffd\ufffd"),
        ([{"type": "text"}, {"type": "text", "text": 7}, {}, None, 7, []], ""),
        (7, ""),
    ],
)
def test_what_a_user_line_says(content: Any, text: str) -> None:
    assert said("user", content) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "Done"}], "Done"),
        ([{"type": "thinking", "thinking": "Hm", "signature": "x"}], ""),
        ([{"type": "redacted_thinking", "data": "x"}], ""),
        ([{"type": "server_tool_use", "name": "web", "input": {"query": "q"}}], "web\nq"),
        ([{"type": "tool_use", "name": "Odd", "input": None}], "Odd"),
        ("Done", "Done"),
    ],
)
def test_what_an_assistant_line_says(content: Any, text: str) -> None:
    assert said("assistant", content) == text


def test_what_a_tool_was_given() -> None:
    assert called("Bash", command="ls -l", description="List", timeout=9) == [
        "Bash",
        "List",
        "ls -l",
    ]
    assert called("Edit", file_path="/a.py", old_string="x", new_string="y") == ["Edit", "/a.py"]
    assert called("Write", file_path="/a.py", content="x") == ["Write", "/a.py"]
    assert called("Grep", pattern="def", path="src", glob="*.py") == ["Grep", "src", "def", "*.py"]
    assert called("TodoWrite", todos=[{"content": "Test it", "status": "pending"}, 7]) == [
        "TodoWrite",
        "Test it",
    ]
    assert called("mcp__x__y", owner="me", number=3, nested={"a": "b"}) == ["mcp__x__y", "me"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line("summary", summary="S", leafUuid="u"), "S"),
        (line("custom-title", customTitle="T"), "T"),
        (line("ai-title", aiTitle="T"), "T"),
        (line("tag", tag="later"), "later"),
        (line("user", content="Hi"), "Hi"),
        (line("system", subtype="local_command", content="ok"), "ok"),
        (line("system", subtype="init", content="x", tools=["Bash"]), ""),
        (line("result", is_error=False, result="Done"), ""),
        (line("result", is_error=True, result="No", errors=["why"]), "No\nwhy"),
        (line("attachment", attachment={"type": "queued_command", "prompt": "Wait"}), "Wait"),
        (
            line("attachment", attachment={"type": "file", "filename": "a.py", "content": "x"}),
            "a.py",
        ),
        (line("progress", content="x", data={"message": "x"}), ""),
        (line("file-history-snapshot", snapshot={"message": {"content": "x"}}), ""),
        (line("queue-operation", content="x"), ""),
        (line("last-prompt", lastPrompt="x"), ""),
        (said("user", "note", isMeta=True), ""),
        (said("user", "earlier", isCompactSummary=True), "earlier"),
        (line("something-new", message={"content": "x"}), ""),
    ],
)
def test_what_other_lines_say(text: str, expected: str) -> None:
    assert text == expected


@pytest.mark.parametrize(
    "encoded",
    [
        BYTES,
        f"data:image/png;base64,{BYTES}",
        base64.encodebytes(bytes(range(256))).decode(),
        "\n".join(BYTES[start : start + 64] for start in range(0, len(BYTES), 64)),
    ],
)
def test_encoded_bytes_are_not_searched(encoded: str) -> None:
    assert words(returned(f"before {encoded}\nafter"))[0] == "before"
    assert words(returned(f"before {encoded}\nafter"))[-1] == "after"
    assert len(words(returned(f"before {encoded}\nafter"))) <= 6


def test_long_paths_are_searched() -> None:
    paths = "\n".join(f"/srv/code/{'abcdefg/' * 8}part{number}" for number in range(20))
    assert returned(paths) == paths


def test_long_texts_are_cut_between_words() -> None:
    long = "word " * 20_000
    assert LONGEST_SAID - 5 <= len(said("user", long)) <= LONGEST_SAID
    assert len(called("Bash", command=long)[1]) <= LONGEST_GIVEN
    result = returned(f"first {'letters ' * 9_000} last")
    assert len(result) <= LONGEST_RESULT
    assert (words(result)[0], words(result)[-1]) == ("first", "last")
    assert set(words(result)) == {"first", "letters", "last"}
    many = said("assistant", [{"type": "text", "text": long}] * 9)
    assert LONGEST_SEARCHABLE - 10 <= len(many) <= LONGEST_SEARCHABLE


def test_cut_falls_in_no_word() -> None:
    assert said("user", "x." * (LONGEST_SAID // 2 - 2) + " abcdef")[-3:] == "x. "
    assert len(said("user", "é" * 2 * LONGEST_SAID)) == LONGEST_SAID


NAMES = (
    *("type", "text", "content", "message", "name", "input", "todos", "prompt", "attachment"),
    *("subtype", "is_error", "result", "summary", "filename"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner | st.sampled_from(("text", "tool_use", "tool_result", "queued_command")),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(("user", "assistant", "system", "result", "attachment", "summary", "error")),
    st.dictionaries(
        st.sampled_from(("message", "content", "attachment", "subtype", "is_error", "result")), JSON
    ),
)
def test_every_event_has_a_text(event_type: str, data: Any) -> None:
    text = line(event_type, **data)
    assert is_storable(text)
    assert len(text) <= LONGEST_SEARCHABLE


def test_a_change_of_the_rules_raises_their_number() -> None:
    """Where this fails, raise EXTRACTION_VERSION and note both anew: every index is made again."""
    digest = hashlib.sha256()
    for path in sorted(HISTORY.rglob("*.jsonl")):
        for content in path.read_text().splitlines():
            try:
                data: Any = decode_json(content)
            except ValueError:
                continue
            event = sample_event(event_type=data["type"], data=data)
            digest.update(" ".join(words(searchable_text(event))).encode() + b"\n")
    assert (EXTRACTION_VERSION, digest.hexdigest()[:16]) == (1, "1888d3fa070fda2b")
