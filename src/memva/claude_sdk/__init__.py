"""memva for hosts of the Claude Agent SDK; it needs the extra `memva[claude]`.

from claude_agent_sdk import ClaudeAgentOptions, query
from memva.claude_sdk import MemvaSessionStore, record_messages

options = ClaudeAgentOptions(session_store=MemvaSessionStore(store))
async for message in record_messages(store, session.id, query(prompt="Hi", options=options)):
    ...
"""

from memva.claude_sdk.recording import record_messages
from memva.claude_sdk.session_store import MemvaSessionStore

__all__ = ["MemvaSessionStore", "record_messages"]
