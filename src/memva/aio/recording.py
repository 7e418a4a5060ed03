"""Recording streams on the loop: each message is stored in a thread before it is handed on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Final, Protocol, TypeVar

from memva.aio.blocks import perform
from memva.domain.errors import InvalidValue
from memva.domain.json import JsonObject
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.services.stream_recording import Recording, RecordingProblem

_R = TypeVar("_R")
_T = TypeVar("_T")

_CHUNK: Final = 64 * 1024


class ByteStream(Protocol):
    """What bytes are read from, as `asyncio.StreamReader` is: a process's standard output."""

    async def read(self, n: int = ..., /) -> bytes:
        """Return the next bytes, at most `n` of them; none at the end."""
        ...


async def record_stream(
    store: Store,
    session_id: str,
    stream: ByteStream,
    *,
    claude_session_id: str | None = None,
    redact: Redact | None = None,
    on_problem: Callable[[RecordingProblem], None] | None = None,
) -> AsyncGenerator[JsonObject, None]:
    """Record what Claude Code says with `--output-format stream-json`, and yield each message.

    It does what `memva.record_stream` does, with the same arguments and errors, but that `stream`
    is an `asyncio.StreamReader`, such as `process.stdout`. Lines may be of any length, whatever the
    reader's own `limit` is. `on_problem` is called in a thread.

    Where it is cancelled, or left, what was read is recorded before it ends.

    Raises:
        SessionNotFound: There is no session with this id; it comes with the first message.
        InvalidValue: Nothing can be read from `stream`; it comes with the first message.
        StoreError: The store failed; the stream was read no further.
    """
    if not hasattr(stream, "read"):
        raise InvalidValue("stream", stream, "must be one to read from, as a piped stdout is")
    recording = Recording(
        store,
        session_id,
        claude_session_id=claude_session_id,
        redact=redact,
        on_problem=on_problem,
    )
    async with aclosing(recorded(store, recording, _lines(stream), recording.line)) as lines:
        async for _, message in lines:
            if message is not None:
                yield message


async def recorded(
    store: Store, recording: Recording, items: AsyncIterable[_T], take: Callable[[_T], _R]
) -> AsyncGenerator[tuple[_T, _R], None]:
    """Yield each item with what `take` made of it, and have `recording` know how it ended.

    What was read is taken, cancelled or not.

    Raises:
        SessionNotFound: The session is not there.
    """
    await perform(store, recording.begin)
    try:
        async for item in items:
            yield item, await perform(store, partial(take, item), withdraw=False)
    except BaseException as error:
        await perform(store, partial(recording.break_off, error), withdraw=False)
        raise
    await perform(store, recording.end, withdraw=False)


async def _lines(stream: ByteStream) -> AsyncIterator[bytes]:
    pending: list[bytes] = []
    while chunk := await stream.read(_CHUNK):
        *whole, rest = chunk.split(b"\n")
        for end in whole:
            yield b"".join([*pending, end])
            pending.clear()
        pending.append(rest)
    yield b"".join(pending)
