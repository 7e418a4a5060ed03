"""A host on the Agent SDK, in a process of its own: it says one prompt and keeps all in memva.

Its one argument is a JSON object: `database`, `prompt`, and where wanted `resume`, `fork` and
`session`, the session of memva's that everything goes to, which is then recorded live too. It
writes the id of the Claude session.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from claude_agent_sdk import ClaudeAgentOptions, Message, MirrorErrorMessage, ResultMessage, query

from memva import RecordingProblem
from memva.adapters.sqlite import SqliteStore
from memva.claude_sdk import MemvaSessionStore, record_messages


async def say(
    database: str,
    prompt: str,
    resume: str | None = None,
    fork: bool = False,
    session: str | None = None,
) -> str:
    """Say the prompt, and return the id of the Claude session that answered it."""
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
            if isinstance(message, MirrorErrorMessage):
                raise RuntimeError(message.error)
            if isinstance(message, ResultMessage):
                session_id = message.session_id
    return session_id


def give_up(problem: RecordingProblem) -> None:
    """Fail for a message that was not recorded.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError(f"{problem.reason}: {problem.content!r}")


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(say(**json.loads(sys.argv[1]))))
