"""Recording what the Agent SDK yields."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import aclosing
from typing import TypeVar

from memva.aio.recording import recorded
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.services.stream_recording import Recording, RecordingProblem

_T = TypeVar("_T")


async def record_messages(
    store: Store,
    session_id: str,
    messages: AsyncIterable[_T],
    *,
    claude_session_id: str | None = None,
    redact: Redact | None = None,
    on_problem: Callable[[RecordingProblem], None] | None = None,
) -> AsyncGenerator[_T, None]:
    """Record the messages of the Agent SDK while they come, and yield each of them on.

    `messages` is what `query(…)`, `client.receive_response()` or `client.receive_messages()`
    returns, or any other asynchronous iterable of such messages. Each is recorded as
    `memva.record_message` does it, off the loop, before it is yielded; a `StreamEvent` is yielded
    alone. Where they end, raise or are left without a `ResultMessage` having come last, the
    session's `claude_status` becomes `error`; an error of theirs goes on then. What is left before
    its end is closed.

    Where it is cancelled, or left, what came is recorded before it ends.

    Args:
        store: Where to.
        session_id: The session.
        messages: The messages.
        claude_session_id: Claude Code's own session until a message says one; that of the
            session's last event where None.
        redact: Goes over every text of what is stored; what is yielded is whole.
        on_problem: Told, in a thread, of each message that could not be recorded; where None it is
            logged.

    Raises:
        SessionNotFound: There is no session with this id; it comes with the first message.
        StoreError: The store failed; no further message was asked for.
    """
    recording = Recording(
        store,
        session_id,
        claude_session_id=claude_session_id,
        redact=redact,
        on_problem=on_problem,
    )
    source = aiter(messages)
    try:
        async with aclosing(recorded(store, recording, source, recording.message)) as pairs:
            async for message, _ in pairs:
                yield message
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()
