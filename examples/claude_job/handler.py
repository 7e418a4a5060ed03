"""Claude Code as a job: a process group of its own, ended on cancel, resumed after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import aclosing, suppress
from pathlib import Path

import attrs
import psutil

from memva import JsonValue, aio
from memva.worker import JobContext, PermanentFailure

CLAUDE = [sys.executable, str(Path(__file__).with_name("stand_in.py"))]
"""In earnest it is `["claude"]`."""


@attrs.frozen
class Prompt:
    """What a job of the type `prompt` says to Claude Code, and where."""

    say: str
    cwd: str


async def answer_prompt(data: Prompt, context: JobContext) -> JsonValue:
    """Have Claude Code answer a prompt; keep what it says; return its result."""
    before = context.last_checkpoint if isinstance(context.last_checkpoint, Mapping) else {}
    end_orphan(before)
    session_id = before.get("claude_session_id")
    options = ["--resume", str(session_id)] if session_id else []
    process = await asyncio.create_subprocess_exec(
        *CLAUDE, "-p", "--verbose", "--output-format", "stream-json", *options,
        cwd=data.cwd,
        stdin=PIPE,
        stdout=PIPE,
        # A process group of its own: what it starts can be ended together with it.
        start_new_session=True,
    )  # fmt: skip
    try:
        return await converse(process, data.say, dict(before), context)
    finally:
        # On a cancel, a timeout or an error too: nothing of it goes on.
        end_group(process.pid)
        await process.wait()


async def converse(
    process: Process, say: str, checkpoint: dict[str, JsonValue], context: JobContext
) -> JsonValue:
    """Give the prompt, keep each line that comes, and return the result."""
    assert process.stdin is not None
    assert process.stdout is not None
    # Its identity is noted before it is given anything to do: if this process dies in between, the
    # pipe closes and it ends by itself.
    checkpoint |= {"pid": process.pid, "started": psutil.Process(process.pid).create_time()}
    context.checkpoint(checkpoint)
    process.stdin.write(say.encode())
    await process.stdin.drain()
    process.stdin.close()
    assert context.job.memva_session_id is not None
    stream = aio.record_stream(context.store, context.job.memva_session_id, process.stdout)
    async with aclosing(stream) as lines:
        async for line in lines:
            session_id = line["session_id"]
            if checkpoint.get("claude_session_id") != session_id:
                checkpoint["claude_session_id"] = session_id
                context.checkpoint(checkpoint)
            if line["type"] == "result":
                if line["is_error"]:
                    raise PermanentFailure(str(line.get("result")))
                return {"claude_session_id": session_id, "result": line["result"]}
    raise RuntimeError("Claude Code ended without a result")


def end_orphan(checkpoint: Mapping[str, JsonValue]) -> None:
    """End what an attempt whose worker died left running, if it is that very process."""
    pid = checkpoint.get("pid")
    with suppress(psutil.NoSuchProcess):
        if isinstance(pid, int) and psutil.Process(pid).create_time() == checkpoint.get("started"):
            end_group(pid)


def end_group(pid: int) -> None:
    """End a process and whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


handlers = {"prompt": answer_prompt}
