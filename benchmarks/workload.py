"""Conversations as Claude Code writes them, made up from a seed: the same on every machine.

A realistic line has 1.5 KB of JSON in the median and 3.8 KB in the mean; one in a thousand has
100 KB. A quarter of the texts hold characters outside ASCII, as Claude's own do.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeAlias

from memva import Event, JsonObject

Line: TypeAlias = dict[str, Any]

LIVE: Final = 10
"""How many conversations are under way at any time; their events come mixed."""

_MEDIAN_BYTES: Final = 1_500
_SPREAD: Final = 1.32
"""The sigma of the lognormal distribution that has the mean wanted."""
_MOST_BYTES: Final = 300_000
_ENVELOPE_BYTES: Final = 720
_PLAIN_SHARE: Final = 0.75
BEGIN: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def made_up_uuid(chance: random.Random) -> str:
    """Return a random uuid."""
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


class Conversation:
    """One conversation, or that of one of its subagents, line after line."""

    def __init__(
        self,
        chance: random.Random,
        *,
        session_id: str | None = None,
        is_sidechain: bool = False,
        begin: datetime | None = None,
    ) -> None:
        self._chance = chance
        self.session_id = session_id or made_up_uuid(chance)
        self.is_sidechain = is_sidechain
        # A session taken up again is in the same project.
        self.project = f"project-{int(self.session_id[:8], 16) % 30}"
        self.cwd = f"/home/someone/code/{self.project}"
        self._time = begin or BEGIN + timedelta(milliseconds=chance.randrange(10**10))
        self._parent: str | None = None

    def small_line(self) -> Line:
        """Return its next line, with about 500 bytes of JSON."""
        return {
            "type": "assistant",
            "parentUuid": self._parent,
            **self._identity(),
            "message": {
                "role": "assistant",
                **self._response(60),
                "stop_reason": "end_turn",
                "content": self._text(60),
            },
        }

    def line(self) -> Line:
        """Return its next line, of realistic size and shape."""
        size = min(_MOST_BYTES, self._chance.lognormvariate(0, _SPREAD) * _MEDIAN_BYTES)
        size = max(20, round(size) - _ENVELOPE_BYTES)
        said = self._said if self._chance.random() < 0.5 else self._result
        return said(size)

    def line_without_uuid(self) -> Line:
        """Return one of the lines that Claude Code gives no uuid."""
        if self._chance.random() < 0.2:
            return {"type": "summary", "summary": self._text(50), "leafUuid": self._parent}
        kept = {f"src/{self._text(12)}": {"version": n, "backup": None} for n in range(6)}
        return {
            "type": "file-history-snapshot",
            "messageId": made_up_uuid(self._chance),
            "isSnapshotUpdate": False,
            "snapshot": {"trackedFileBackups": kept, "timestamp": self._now()},
        }

    def _said(self, size: int) -> Line:
        content: Line
        match self._chance.randrange(3):
            case 0:
                content = {"type": "text", "text": self._text(size)}
            case 1:
                content = {"type": "thinking", "thinking": self._text(size), "signature": "Eq" * 90}
            case _:
                content = {
                    "type": "tool_use",
                    "id": f"toolu_{self._chance.getrandbits(96):024x}",
                    "name": "Edit",
                    "input": {
                        "file_path": f"{self.cwd}/src/main.py",
                        "old_string": self._text(size // 2),
                        "new_string": self._text(size // 2),
                    },
                }
        message = {
            **self._response(size),
            "type": "message",
            "role": "assistant",
            "content": [content],
            "stop_reason": "tool_use" if content["type"] == "tool_use" else "end_turn",
            "stop_sequence": None,
        }
        return {**self._envelope(), "type": "assistant", "message": message, **self._identity()}

    def _response(self, size: int) -> Line:
        return {
            "model": "claude-sonnet-4-5-20250929",
            "id": f"msg_{self._chance.getrandbits(96):024x}",
            "usage": {
                "input_tokens": self._chance.randrange(100),
                "cache_creation_input_tokens": self._chance.randrange(10_000),
                "cache_read_input_tokens": self._chance.randrange(150_000),
                "output_tokens": size // 4,
                "service_tier": "standard",
            },
        }

    def _result(self, size: int) -> Line:
        # Claude Code writes what a tool gave twice.
        text = self._text(size // 2)
        block = {
            "tool_use_id": f"toolu_{self._chance.getrandbits(96):024x}",
            "type": "tool_result",
            "content": text,
            "is_error": False,
        }
        return {
            **self._envelope(),
            "type": "user",
            "message": {"role": "user", "content": [block]},
            **self._identity(),
            "toolUseResult": {"stdout": text, "stderr": "", "interrupted": False, "isImage": False},
        }

    def _envelope(self) -> Line:
        return {
            "parentUuid": self._parent,
            "isSidechain": self.is_sidechain,
            "userType": "external",
            "cwd": self.cwd,
            "version": "2.1.14",
            "gitBranch": "main",
        }

    def _identity(self) -> Line:
        self._parent = made_up_uuid(self._chance)
        return {"sessionId": self.session_id, "uuid": self._parent, "timestamp": self._now()}

    def _now(self) -> str:
        self._time += timedelta(milliseconds=self._chance.randrange(1, 20_000))
        return self._time.isoformat(timespec="milliseconds")[:23] + "Z"

    def _text(self, length: int) -> str:
        pool = _pool(plain=self._chance.random() < _PLAIN_SHARE)
        begin = self._chance.randrange(len(pool) - length)
        return pool[begin : begin + length]


@cache
def _pool(*, plain: bool) -> str:
    """Return a long text of prose and code, of which the texts in the lines are pieces."""
    chance = random.Random(7)
    words = [
        "def",
        "return",
        "the",
        "store",
        "of",
        "event",
        "(self,",
        '"title"',
        "None:",
        "\\d+",
        "=",
    ]
    if not plain:
        words += ["\N{EM DASH}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{RIGHTWARDS ARROW}"]
    lines = []
    for _ in range(20_000):
        indent = " " * 4 * chance.randrange(4)
        lines.append(indent + " ".join(chance.choices(words, k=chance.randrange(2, 12))))
    return "\n".join(lines)


def conversations(seed: int, *, events_each: int) -> Iterator[tuple[Conversation, int]]:
    """Yield whose turn it is and the number of its line, without end.

    Some conversations are under way at a time; one that has `events_each` lines makes way for a
    new one. This is how a host's own file grows, and so how its indexes are filled.
    """
    chance = random.Random(seed)
    while True:
        live = [Conversation(chance) for _ in range(LIVE)]
        turns = [conversation for conversation in live for _ in range(events_each)]
        chance.shuffle(turns)
        lines = dict.fromkeys((conversation.session_id for conversation in live), 0)
        for conversation in turns:
            lines[conversation.session_id] += 1
            yield conversation, lines[conversation.session_id]


def event_of(conversation: Conversation, line: Line, *, number: int) -> Event:
    """Return a line as an event that is associated with a session of the same id."""
    return Event(
        uuid=line["uuid"],
        session_id=conversation.session_id,
        event_type=line["type"],
        timestamp=datetime.fromisoformat(line["timestamp"]),
        is_sidechain=conversation.is_sidechain,
        parent_uuid=line.get("parentUuid"),
        cwd=conversation.cwd,
        project_name=conversation.project,
        data=line,
        memva_session_id=conversation.session_id,
        project_key=conversation.cwd.replace("/", "-"),
        line=number,
    )


def as_text(line: JsonObject) -> str:
    """Return a line as it stands in a transcript."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
