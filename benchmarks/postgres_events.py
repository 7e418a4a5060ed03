"""Appending many events at once in PostgreSQL, beside the best that plain psycopg can do."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Final

from benchmarks.appending import BATCH, Batch, batches
from benchmarks.contenders import timed
from benchmarks.hosts import add_sessions, begun
from benchmarks.measure import Figure
from benchmarks.peers import MEMVA, Seconds
from benchmarks.raw_postgres_events import Append, append_by_copy, append_by_pipeline
from benchmarks.schemas import RawConnection, Schemas, connect
from benchmarks.sizes import Sizes
from memva import record_events
from memva.adapters.postgres import PostgresStore

_FLOORS: Final[dict[str, Append]] = {"COPY": append_by_copy, "pipeline": append_by_pipeline}
_ROWS: Final = "SELECT uuid, sort_at, md5(data::jsonb::text) FROM events ORDER BY position"
_RESPONSES: Final = "SELECT count(*), sum(output_tokens) FROM responses"


def bulk_append(sizes: Sizes, schemas: Schemas) -> Figure:
    """Entities to committed rows through `record_events`, against the faster of two raw ways.

    What the columns hold is ready for all but for the JSON, which each has to make.
    """
    rounds = [_round(seed, sizes, schemas) for seed in range(sizes.bulk_rounds)]
    ratios = {name: median(took[name] / took[MEMVA] for took in rounds) for name in _FLOORS}
    best = min(ratios, key=lambda name: ratios[name])
    rates = ", ".join(
        f"{name} {sizes.bulk_events / median(took[name] for took in rounds):,.0f}/s"
        for name in rounds[0]
    )
    return Figure("pg.bulk_append", ratios[best], f"against {best}; {rates}")


def _round(seed: int, sizes: Sizes, schemas: Schemas) -> Seconds:
    """Give each batch to all in turn, in new schemas; they must hold the same in the end."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        url = schemas.url
        ours, *theirs = [stack.enter_context(schemas.new()) for _ in (MEMVA, *_FLOORS)]
        store = stack.enter_context(PostgresStore.open(url, schema=ours, search=False))
        appends: dict[str, Callable[[Batch], object]] = {
            MEMVA: lambda batch: record_events(store, batch.events)
        }
        connections = {MEMVA: stack.enter_context(connect(url, ours))}
        for (name, append), schema in zip(_FLOORS.items(), theirs, strict=True):
            PostgresStore.open(url, schema=schema).close()
            connection = connections[name] = stack.enter_context(connect(url, schema))
            appends[name] = partial(_append_raw, append, connection)
        took = dict.fromkeys(appends, 0.0)
        for batch in batches(
            lambda events: add_sessions(store, begun(events)),
            seed,
            total=sizes.bulk_events,
            size=BATCH,
            placed=True,
        ):
            for name in chance.sample(list(appends), k=len(appends)):
                took[name] += timed(partial(appends[name], batch))
        _check_same(connections)
    return took


def _append_raw(append: Append, connection: RawConnection, batch: Batch) -> None:
    append(connection, batch.raw_events)


def _check_same(connections: Mapping[str, RawConnection]) -> None:
    """Raise unless all wrote the same."""
    for sql in (_ROWS, _RESPONSES):
        ours, *theirs = [on.execute(sql).fetchall() for on in connections.values()]
        if any(rows != ours for rows in theirs):
            raise AssertionError("what the floor wrote is not what memva writes")
