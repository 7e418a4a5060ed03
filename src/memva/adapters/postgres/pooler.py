"""Whether what stands between memva and the server, if anything does, keeps sessions."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg

from memva.adapters.postgres.sockets import is_readable
from memva.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from memva.adapters.postgres.connection import Connection

_PROCESS: Final = "SELECT pg_backend_pid()"
# Some poolers keep the session of whoever sets something, and of nobody else.
_SET: Final = "SET memva.session = 'kept'"
_PATIENCE: Final = 1


def check_pooler(connection: Connection, url: str, options: Mapping[str, Any]) -> None:
    """Raise `StoreUnavailable` where others get the session of a connection between its statements.

    What it sets up would be theirs, and theirs its own: it would write into another store's schema.
    Without a pooler it asks the server once; behind one it needs a second connection for a moment,
    and takes it that sessions are kept where there is none to be had.
    """
    if _process(connection) == connection.info.backend_pid:
        return
    connection.script(_SET)
    mine = _process(connection)
    try:
        other = psycopg.connect(url, **{**options, "connect_timeout": _PATIENCE})
    except psycopg.Error:
        return
    with closing(other):
        # As long as it is inside a transaction, its process is given to nobody.
        other.pgconn.send_query(f"BEGIN; {_PROCESS}".encode())
        if not is_readable(other, patience=_PATIENCE):
            return
        answers = iter(other.pgconn.get_result, None)
        theirs = [int(answer.get_value(0, 0) or 0) for answer in answers if answer.ntuples]
        if mine in theirs or (theirs and mine != _process(connection)):
            raise StoreUnavailable(
                "the pooler gives a connection's session to others between transactions; memva "
                "needs one that keeps it: pool_mode = session, or no pooler"
            )


def _process(connection: Connection) -> int:
    [(process,)] = connection.rows(_PROCESS)
    return int(process)
