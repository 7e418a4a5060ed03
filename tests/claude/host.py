"""A host on the Agent SDK, in a process of its own: it says one prompt and keeps all in memva.

Its one argument is a JSON object: `database`, `prompt`, and where wanted `resume` and `fork`. It
writes the id of the Claude session.
"""

from __future__ import annotations

import asyncio
import json
import sys

from claude_agent_sdk import ClaudeAgentOptions, MirrorErrorMessage, ResultMessage, query

from memva.adapters.sqlite import SqliteStore
from memva.claude_sdk import MemvaSessionStore


async def say(database: str, prompt: str, resume: str | None = None, fork: bool = False) -> str:
    """Say the prompt, and return the id of the Claude session that answered it."""
    session_id = ""
    with SqliteStore.open(database) as store:
        options = ClaudeAgentOptions(
            session_store=MemvaSessionStore(store), resume=resume, fork_session=fork
        )
        async for message in query(prompt=prompt, options=options):
            if isinstance(message, MirrorErrorMessage):
                raise RuntimeError(message.error)
            if isinstance(message, ResultMessage):
                session_id = message.session_id
    return session_id


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(say(**json.loads(sys.argv[1]))))
