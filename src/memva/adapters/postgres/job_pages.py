"""Pages of jobs in PostgreSQL: the statement that finds one."""

from __future__ import annotations

from typing import Final

from memva.adapters.postgres.probes import probe, probes
from memva.adapters.postgres.rows import JOB_COLUMNS
from memva.adapters.probe_number import probe_number
from memva.domain.job_page import JobQuery

_FIND: Final = f"""
    SELECT {JOB_COLUMNS}, position FROM jobs
    WHERE {{narrowing}} ORDER BY position {{direction}} LIMIT %s
"""
_ENDED: Final = "SELECT position FROM jobs WHERE status = '{}' AND completed_at IS NOT NULL"
_RARE: Final = {status: _ENDED.format(status) for status in ("failed", "cancelled")}
_RARE["processing"] = "SELECT position FROM jobs WHERE stage = 'claimed'"
"""How the few jobs of a status are found, where walking all jobs would take long."""


def finding(query: JobQuery, *, after: int | None, oldest_first: bool) -> tuple[str, list[object]]:
    """Return the statement for a page, and what is bound in it before the limit."""
    narrowing, values = _narrowed(query)
    direction, beyond = ("ASC", ">") if oldest_first else ("DESC", "<")
    if after is not None:
        narrowing.append(f"position {beyond} %s")
        values.append(probe_number(after))
    return _FIND.format(narrowing=" AND ".join(narrowing) or "TRUE", direction=direction), values


def _narrowed(query: JobQuery) -> tuple[list[str], list[object]]:
    """Return the conditions of `query` and the values bound in them."""
    conditions: list[str] = []
    values: list[object] = []
    for name, wanted in (("status", query.statuses), ("type", query.types)):
        if wanted is not None:
            conditions.append(f"{name} = ANY(%s::text[])")
            values.append(probes(wanted))
    if query.statuses is not None and _RARE.keys() >= set(query.statuses):
        rare = " UNION ALL ".join(_RARE[status] for status in query.statuses)
        conditions.append(f"position IN ({rare})" if rare else "FALSE")
    for name, value in (
        ("memva_session_id", query.memva_session_id),
        ("concurrency_key", query.concurrency_key),
    ):
        if value is not None:
            conditions.append(f"{name} = %s")
            values.append(probe(value))
    if query.active:
        conditions.append("started_at IS NOT NULL AND completed_at IS NULL")
    return conditions, values
