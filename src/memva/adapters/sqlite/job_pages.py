"""Pages of jobs in SQLite: the statement that finds one."""

from __future__ import annotations

from typing import Final

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.probes import probe, probes
from memva.adapters.sqlite.queue import CLAIMED
from memva.adapters.sqlite.rows import JOB_COLUMNS
from memva.domain.job_page import JobQuery

_FIND: Final = f"""
    SELECT {JOB_COLUMNS}, position FROM jobs
    WHERE {{narrowing}} ORDER BY position {{direction}} LIMIT ?
"""
_RARE: Final = {
    "processing": f"SELECT position FROM jobs WHERE {CLAIMED}",
    "failed": "SELECT position FROM jobs WHERE status = 'failed' AND completed_at IS NOT NULL",
    "cancelled": (
        "SELECT position FROM jobs WHERE status = 'cancelled' AND completed_at IS NOT NULL"
    ),
}
"""How the few jobs of a status are found, where walking all jobs would take long."""


def finding(query: JobQuery, *, after: int | None, oldest_first: bool) -> tuple[str, list[object]]:
    """Return the statement for a page, and what is bound in it before the limit."""
    narrowing, values = _narrowed(query)
    direction, beyond = ("ASC", ">") if oldest_first else ("DESC", "<")
    if after is not None:
        narrowing.append(f"position {beyond} ?")
        values.append(probe_number(after))
    return _FIND.format(narrowing=" AND ".join(narrowing) or "TRUE", direction=direction), values


def _narrowed(query: JobQuery) -> tuple[list[str], list[object]]:
    """Return the conditions of `query` and the values bound in them."""
    conditions: list[str] = []
    values: list[object] = []
    for name, wanted in (("status", query.statuses), ("type", query.types)):
        if wanted is not None:
            conditions.append(f"{name} IN (SELECT value FROM json_each(?))")
            values.append(probes(wanted, field=name))
    if query.statuses is not None and _RARE.keys() >= set(query.statuses):
        rare = " UNION ALL ".join(_RARE[status] for status in query.statuses)
        conditions.append(f"position IN ({rare})" if rare else "FALSE")
    for name, value in (
        ("memva_session_id", query.memva_session_id),
        ("concurrency_key", query.concurrency_key),
    ):
        if value is not None:
            conditions.append(f"{name} = ?")
            values.append(probe(value))
    if query.active:
        conditions.append("started_at IS NOT NULL AND completed_at IS NULL")
    return conditions, values
