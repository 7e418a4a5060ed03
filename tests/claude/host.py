"""A host on the Agent SDK, in a process of its own, which keeps everything in memva.

It is told which of its functions to run, and as JSON with which arguments; it writes the id of the
Claude session.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    Message,
    MirrorErrorMessage,
    ResultMessage,
    query,
)

from memva import RecordingProblem, import_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore
from memva.claude_sdk import MemvaSessionStore, record_messages


async def say(
    database: str,
    prompt: str,
    resume: str | None = None,
    fork: bool = False,
    session: str | None = None,
) -> str:
    """Say a prompt, and return the id of the Claude session that answered it.

    Args:
        database: The file of memva's.
        prompt: The prompt.
        resume: The Claude session to go on with.
        fork: Whether to go on in a new one.
        session: The session of memva's that everything goes to, which is recorded live too.
    """
    session_id = ""
    with SqliteStore.open(database) as store:
        options = ClaudeAgentOptions(
            session_store=MemvaSessionStore(store, session_id=session),
            resume=resume,
            fork_session=fork,
        )
        messages: AsyncIterator[Message] = query(prompt=prompt, options=options)
        if session is not None:
            messages = record_messages(store, session, messages, on_problem=give_up)
        async for message in messages:
            session_id = session_said(message) or session_id
    return session_id


async def converse(database: str, prompts: list[str], projects: str) -> str:
    """Say prompts in one connection, and import the projects after each answer and at the end."""
    session_id = ""
    with SqliteStore.open(database) as store:
        options = ClaudeAgentOptions(session_store=MemvaSessionStore(store))
        async with ClaudeSDKClient(options) as client:
            for prompt in prompts:
                await client.query(prompt)
                async for message in client.receive_response():
                    session_id = session_said(message) or session_id
                import_transcripts(store, TranscriptFiles(projects))
        import_transcripts(store, TranscriptFiles(projects))
    return session_id


def session_said(message: Message) -> str | None:
    """Return the Claude session that a result names, or None.

    Raises:
        RuntimeError: The message tells that something was not mirrored.
    """
    if isinstance(message, MirrorErrorMessage):
        raise RuntimeError(message.error)
    return message.session_id if isinstance(message, ResultMessage) else None


def give_up(problem: RecordingProblem) -> None:
    """Fail for a message that was not recorded.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(f"{problem.reason}: {problem.content!r}")


if __name__ == "__main__":
    parts: dict[str, Callable[..., Coroutine[Any, Any, str]]] = {"say": say, "converse": converse}
    sys.stdout.write(asyncio.run(parts[sys.argv[1]](**json.loads(sys.argv[2]))))
