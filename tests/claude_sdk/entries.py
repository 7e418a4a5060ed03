"""Entries as the Agent SDK mirrors them, and a session store to give them to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from claude_agent_sdk import SessionKey, fold_session_summary
from tests.importing.conftest import CLAUDE

from memva import Transcript, TranscriptStore
from memva.claude_sdk import MemvaSessionStore

PROJECT = "-code-app"
KEY: SessionKey = {"project_key": PROJECT, "session_id": CLAUDE}
AGENT: SessionKey = {**KEY, "subpath": "subagents/agent-1"}
MAIN_TRANSCRIPT = Transcript(PROJECT, CLAUDE, "")
AGENT_TRANSCRIPT = Transcript(PROJECT, CLAUDE, "subagents/agent-1")

MODE: Any = {"type": "mode", "mode": "plan"}
TITLE: Any = {"type": "custom-title", "customTitle": "The login"}


def prompt(number: int, **fields: Any) -> Any:
    """Return an entry with a uuid."""
    return {
        "type": "user",
        "uuid": f"uuid-{number}",
        "sessionId": CLAUDE,
        "cwd": "/code/app",
        "timestamp": f"2026-03-02T09:00:{number:02}.000Z",
        "message": {"role": "user", "content": f"prompt {number}"},
        **fields,
    }


def append(store: TranscriptStore, *entries: Any, key: SessionKey = KEY, **options: Any) -> None:
    """Append entries by one call."""
    asyncio.run(MemvaSessionStore(store, **options).append(key, list(entries)))


def load(store: TranscriptStore, key: SessionKey = KEY) -> Any:
    """Return the entries of a transcript, or None."""
    return asyncio.run(MemvaSessionStore(store).load(key))


def listed(store: TranscriptStore, project_key: str = PROJECT) -> dict[str, int]:
    """Return the sessions of a project, with their mtimes."""
    found = asyncio.run(MemvaSessionStore(store).list_sessions(project_key))
    return {entry["session_id"]: entry["mtime"] for entry in found}


def subkeys(store: TranscriptStore) -> list[str]:
    """Return the subpaths beside the main conversation."""
    call: Coroutine[Any, Any, list[str]] = MemvaSessionStore(store).list_subkeys(
        {"project_key": PROJECT, "session_id": CLAUDE}
    )
    return asyncio.run(call)


def delete(store: TranscriptStore, key: SessionKey = KEY) -> None:
    """Delete a transcript."""
    asyncio.run(MemvaSessionStore(store).delete(key))


def summaries(store: TranscriptStore) -> dict[str, Any]:
    """Return the data of the summaries of a project's sessions."""
    found = asyncio.run(MemvaSessionStore(store).list_session_summaries(PROJECT))
    return {summary["session_id"]: summary["data"] for summary in found}


def folded(entries: list[Any]) -> Any:
    """Return what the SDK makes of entries all at once."""
    return fold_session_summary(None, KEY, entries)["data"]
