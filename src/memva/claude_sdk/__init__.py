"""memva for hosts of the Claude Agent SDK; it needs the extra `memva[claude]`.

from claude_agent_sdk import ClaudeAgentOptions, query
from memva.claude_sdk import MemvaSessionStore

options = ClaudeAgentOptions(session_store=MemvaSessionStore(store))
"""

from memva.claude_sdk.session_store import MemvaSessionStore

__all__ = ["MemvaSessionStore"]
