"""Whether a server has said something that nobody has read yet."""

from __future__ import annotations

import select
from typing import Any

import psycopg


def is_readable(connection: psycopg.Connection[Any], *, patience: float = 0.0) -> bool:
    """Tell whether there is something to read, or the end, within so many seconds."""
    if not hasattr(select, "poll"):
        return bool(select.select([connection], [], [], patience)[0])
    # Unlike `select` it takes sockets of any number.
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(patience * 1_000))
