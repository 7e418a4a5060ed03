"""memva for hosts of the Claude Agent SDK; it needs the extra `memva[claude]`.

from claude_agent_sdk import ClaudeAgentOptions, query
from memva.claude_sdk import MemvaSessionStore, record_messages

options = ClaudeAgentOptions(session_store=MemvaSessionStore(store))
async for message in record_messages(store, session.id, query(prompt="Hi", options=options)):
    ...
"""

from memva.claude_sdk.recording import record_messages

try:
    from memva.claude_sdk.session_store import MemvaSessionStore
except ImportError as error:
    if error.name != "claude_agent_sdk":
        raise
    needed = "memva.claude_sdk needs a Claude Agent SDK with session stores"
    raise type(error)(f'{needed}: pip install "memva[claude]"', name=error.name) from error

__all__ = ["MemvaSessionStore", "record_messages"]
