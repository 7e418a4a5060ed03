"""What a store's schema and its locks are called, in a database that others use as well."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256
from typing import Final

import attrs

from memva.domain.errors import InvalidValue

_LONGEST_SCHEMA: Final = 48
"""How many bytes a schema's name may have: with what stands before it, it names a channel too."""

_INT4: Final = 2**31


@attrs.frozen(slots=False)
class Names:
    """The names of one schema's locks and of its channel."""

    schema: str

    @cached_property
    def channel_name(self) -> str:
        """The channel on which commits are told."""
        return f"memva {self.schema}"

    @cached_property
    def channel(self) -> str:
        """The channel, as an identifier."""
        return '"' + self.channel_name.replace('"', '""') + '"'

    @cached_property
    def notify(self) -> str:
        """The statement that tells of the commit of its transaction."""
        return f"NOTIFY {self.channel}"

    @cached_property
    def lock_migrations(self) -> str:
        """The statement that waits for the right to change the schema, until the end."""
        return _lock(self._number("migrations"))

    @cached_property
    def lock_transactions(self) -> str:
        """The statement that waits for the right to be the one transaction of a host's."""
        return _lock(self._number("transactions"))

    @cached_property
    def lock_feed(self) -> str:
        """The statement that waits for the right to give positions, until the end.

        So positions rise with each commit, and who sees one sees all below it.
        """
        return _lock(self._number("feed"))

    @cached_property
    def try_lock_feed(self) -> str:
        """The statement that tells whether it has got that right, without waiting for it."""
        return f"SELECT pg_try_advisory_xact_lock({self._number('feed')})"

    @cached_property
    def key_locks(self) -> int:
        """The number that the locks of concurrency keys have in common."""
        return self._number("keys") % _INT4

    @cached_property
    def all_keys_lock(self) -> int:
        """The number of the lock that stands for those of all concurrency keys."""
        return self._number("all keys")

    @cached_property
    def job_locks(self) -> int:
        """The number that the locks of jobs that are about to be claimed have in common."""
        return self._number("jobs") % _INT4

    def _number(self, purpose: str) -> int:
        digest = sha256(f"memva {purpose} {self.schema}".encode()).digest()
        return int.from_bytes(digest[:8], signed=True)


def check_schema(schema: str) -> None:
    """Raise `InvalidValue` where a schema cannot be called so."""
    if not schema or not schema.isprintable() or len(schema.encode()) > _LONGEST_SCHEMA:
        rule = f"must be printable text of 1 to {_LONGEST_SCHEMA} bytes"
        raise InvalidValue("schema", schema, rule)
    if schema.startswith("pg_") or schema == "information_schema":
        raise InvalidValue("schema", schema, "must be none of PostgreSQL's own")


def _lock(number: int) -> str:
    return f"SELECT pg_advisory_xact_lock({number})"
