"""The part `postgres`: jobs and events in PostgreSQL, on the server that the tests start."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Figure
from benchmarks.place import Place
from benchmarks.postgres_events import bulk_append
from benchmarks.postgres_jobs import (
    best_of_peers,
    claim_complete_alone,
    claim_complete_together,
    flatness,
)
from benchmarks.schemas import open_schemas
from benchmarks.sizes import Sizes


def measures(sizes: Sizes, _: Place) -> Iterator[Figure]:
    """Yield the figures of this part."""
    with open_schemas() as schemas:
        yield claim_complete_alone(sizes, schemas)
        yield claim_complete_together(sizes, schemas)
        yield bulk_append(sizes, schemas)
        yield best_of_peers(sizes, schemas)
        yield from flatness(sizes, schemas)
