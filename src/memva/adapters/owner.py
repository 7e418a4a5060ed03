"""Whose transaction it is: what every adapter asks when a call arrives."""

from __future__ import annotations

import sys
import threading
from typing import TypeAlias

Owner: TypeAlias = tuple[int, object]


def current_owner() -> Owner:
    """Return what stands for the running thread, or inside a coroutine for its task.

    Tasks share a thread, so that a thread alone would let one task write into the transaction
    that another one has open.
    """
    # A process that never loaded asyncio has no tasks, and need not load it to learn so.
    asyncio = sys.modules.get("asyncio")
    # While another thread is still importing it, it has no loops either.
    running_loop = getattr(asyncio, "_get_running_loop", None)
    if asyncio is None or running_loop is None or running_loop() is None:
        return threading.get_ident(), None
    return threading.get_ident(), asyncio.current_task()
