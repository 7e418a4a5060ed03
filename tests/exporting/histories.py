"""Histories as Claude Code might leave them, made up by Hypothesis."""

import json
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import strategies as st

File: TypeAlias = tuple[str, bytes]
"""A file of a history: its path below `projects`, and its content."""

PROJECTS = ("-code-app", "-code-site")
SESSIONS = ("5f0c1a2e-7b1d-4c58-9f3e-1d2c3b4a5e6f", "9b8d7c6e-0a1f-4e2d-8c3b-4a5f6e7d8c9b")
AGENTS = ("agent-1", "agent-2", "workflows/run-1/agent-1")
TIMES = tuple(f"2026-03-02T09:{minute:02}:00.{minute:03}Z" for minute in range(6))

# All characters there are: NUL, lone surrogates and ends of lines among them.
texts = st.text(st.characters(exclude_categories=()), max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**70), 1.0, 1e-7])
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
unreadable = st.sampled_from([b"", b"  ", b'{"type":"us', b"[1]", b"null", b"\xff", b'{"n":NaN}'])


@st.composite
def spoken(draw: st.DrawFn, session_id: str, uuid: str) -> dict[str, Any]:
    """Return a line of the conversation."""
    fields = {
        "timestamp": draw(st.sampled_from(TIMES)),
        "cwd": draw(st.sampled_from(["/code/app", "/code/site/\x00"])),
        "parentUuid": f"uuid-{draw(st.integers(0, 9))}",
        "isSidechain": draw(st.booleans()),
        "message": {"role": "user", "content": draw(texts)},
        "more": draw(values),
    }
    left_out = draw(st.sets(st.sampled_from(sorted(fields)), max_size=3))
    kept = {name: value for name, value in fields.items() if name not in left_out}
    event_type = draw(st.sampled_from(["user", "assistant", "progress"]))
    return {"type": event_type, "uuid": uuid, "sessionId": session_id, **kept}


@st.composite
def unspoken(draw: st.DrawFn, session_id: str) -> dict[str, Any]:
    """Return a line without a uuid; equal ones are common."""
    line: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"type": "mode", "mode": "plan"},
                {"type": "mode", "mode": "normal"},
                {"type": "ai-title", "aiTitle": "A title"},
                {"type": "custom-title", "customTitle": "Another"},
                {"type": "summary", "summary": "A summary", "leafUuid": "elsewhere"},
                {"type": "queue-operation", "timestamp": TIMES[2]},
                {"type": "user", "uuid": " "},
                {"type": "user", "uuid": 7},
                {"nothing": "known"},
            ]
        )
    )
    return {"sessionId": session_id, **line}


@st.composite
def conversations(draw: st.DrawFn, session_id: str, *, repeats: bool) -> list[dict[str, Any]]:
    """Return the lines of a conversation, with uuids that other conversations have too."""
    uuids = iter(range(10))
    lines = [
        draw(unspoken(session_id) if is_unspoken else spoken(session_id, f"uuid-{next(uuids)}"))
        for is_unspoken in draw(st.lists(st.booleans(), min_size=1, max_size=10))
    ]
    if repeats:
        # Fuller or poorer, but for the rest as it was before. A prompt would be another title.
        bearing = [line for line in lines if line.get("type") in ("assistant", "progress")]
        for line in draw(st.lists(st.sampled_from(bearing), max_size=3)) if bearing else []:
            again = {**line, **draw(st.sampled_from([{}, {"fuller": [1, 2]}]))}
            lines.insert(draw(st.integers(lines.index(line) + 1, len(lines))), again)
    return lines


@st.composite
def contents(draw: st.DrawFn, lines: list[dict[str, Any]]) -> bytes:
    """Return the content of a file that has these lines, and some that cannot be read."""
    written = [json.dumps(line, ensure_ascii=draw(st.booleans())) for line in lines]
    parts = [text.encode(errors="surrogatepass") for text in written]
    parts = [
        part if is_utf_8(part) else json.dumps(line).encode()
        for part, line in zip(parts, lines, strict=True)
    ]
    for bad in draw(st.lists(unreadable, max_size=3)):
        parts.insert(draw(st.integers(0, len(parts))), bad)
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    return mark + end.join(parts) + draw(st.sampled_from([b"", end, end + b'{"type":"us']))


def is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@st.composite
def histories(draw: st.DrawFn, *, repeats: bool = False) -> list[File]:
    """Return the files of a history: main conversations, forks of them, subagents."""
    beside = draw(st.booleans())
    files: list[File] = []
    for key in PROJECTS:
        for session_id in draw(st.sets(st.sampled_from(SESSIONS))):
            main = draw(conversations(session_id, repeats=repeats))
            files.append((f"{key}/{session_id}.jsonl", draw(contents(main))))
            for agent in draw(st.sets(st.sampled_from(AGENTS))):
                lines = draw(conversations(session_id, repeats=repeats))
                place = f"{key}/{session_id}/subagents/{agent}"
                if beside and "/" not in agent:
                    place = f"{key}/{agent}-of-{session_id}"
                files.append((f"{place}.jsonl", draw(contents(lines))))
                if not beside and draw(st.booleans()):
                    kept = {"agentType": draw(texts), "more": draw(values)}
                    files.append((f"{place}.meta.json", json.dumps(kept).encode()))
    return files


def write_history(files: list[File], projects: Path) -> None:
    for name, content in files:
        path = projects / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
