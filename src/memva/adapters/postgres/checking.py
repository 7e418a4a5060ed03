"""Looking over a PostgreSQL schema: whether its indexes are whole, and what a search waits for.

That pages and tables are sound is for the server's own means to say, which the role of an
application may not use: `pg_amcheck`, and checksums.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.search_index import VERSION, state
from memva.adapters.postgres.sequences import last_position
from memva.adapters.search_finding import arrears
from memva.domain.finding import Finding
from memva.domain.text import clean_text

# Such as a broken REINDEX CONCURRENTLY leaves.
_BROKEN_INDEXES: Final = """
    SELECT pg_class.relname FROM pg_index
    JOIN pg_class ON pg_class.oid = pg_index.indexrelid
    WHERE pg_class.relnamespace = %s::regnamespace AND NOT pg_index.indisvalid
    ORDER BY pg_class.relname
"""


def checked(connection: Connection, schema: str) -> list[Finding]:
    """Return what is wrong with a store's schema, the worst first."""
    findings = [*_broken_indexes(connection, schema), *_arrears(connection)]
    return sorted(findings, key=lambda finding: finding.rank)


def _broken_indexes(connection: Connection, schema: str) -> Iterator[Finding]:
    quoted = '"' + schema.replace('"', '""') + '"'
    for (name,) in connection.rows(_BROKEN_INDEXES, (quoted,)):
        yield Finding(
            kind="damage",
            severity="error",
            subject=clean_text(name),
            problem="The index is marked as broken, and is not used.",
            advice=f"Have the schema's owner run: REINDEX INDEX {quoted}.{name}",
        )


def _arrears(connection: Connection) -> Iterator[Finding]:
    version, indexed = state(connection)
    # Without a version there is no index: nobody has searched yet.
    if version:
        behind = last_position(connection) - indexed
        yield from arrears(is_of_other_rules=version != VERSION, behind=behind)
