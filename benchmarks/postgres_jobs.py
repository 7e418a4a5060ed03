"""Claiming and completing jobs in PostgreSQL: beside raw statements, in crowds, beside peers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

from benchmarks.claiming import beside_floor
from benchmarks.contenders import Contender, CountedContender, Memva
from benchmarks.contending import ENOUGH_PER_SECOND, Steps, fill, steps_on, work
from benchmarks.crowds import COLUMNS, FIRST_ROWS, crowds, write_crowd
from benchmarks.jobs_flatness import beside_crowd
from benchmarks.measure import Figure, Round, compared
from benchmarks.peers import MEMVA, RAW, best_peer, peer_on, rounds_of
from benchmarks.raw_postgres import RawPostgres
from benchmarks.schemas import Schemas, connect
from benchmarks.sizes import Sizes
from memva.adapters.postgres import PostgresStore

_PROCESSES: Final = 8
_BATCHES: Final = ", in batches"
_AGAINST: Final = {
    "procrastinate": MEMVA,
    "pgqueuer": MEMVA,
    f"pgqueuer{_BATCHES}": MEMVA + _BATCHES,
}
_COPY: Final = f"COPY jobs ({COLUMNS}) FROM STDIN".encode()


def claim_complete_alone(sizes: Sizes, schemas: Schemas) -> Figure:
    """`get_next_job` and `complete_job`, against one statement for each."""
    with schemas.new() as ours, schemas.new() as theirs, ExitStack() as stack:
        store = stack.enter_context(PostgresStore.open(schemas.url, schema=ours))
        floor = stack.enter_context(_raw(schemas.url, theirs))
        return beside_floor("pg.claim_complete.1", sizes, Memva(store), floor)


def claim_complete_together(sizes: Sizes, schemas: Schemas) -> Figure:
    """What eight processes claim and complete in some seconds, against eight on the floor.

    No job may be lost or done twice: what the processes count must be what is completed.
    """
    rounds = []
    seconds = sizes.contended_seconds
    with schemas.new() as ours, schemas.new() as theirs, ExitStack() as stack:
        store = stack.enter_context(PostgresStore.open(schemas.url, schema=ours))
        floor = stack.enter_context(_raw(schemas.url, theirs))
        contenders: list[CountedContender] = [Memva(store), floor]
        openings = [partial(_on_memva, schemas.url, ours), partial(_on_raw, schemas.url, theirs)]
        for contender in contenders:
            fill(contender, round(seconds * ENOUGH_PER_SECOND))
        done = [0, 0]
        for number in range(sizes.contended_rounds):
            took = [0.0, 0.0]
            for which in (0, 1) if number % 2 else (1, 0):
                shares = work(openings[which], _PROCESSES, seconds)
                newly_done = sum(share.jobs for share in shares)
                done[which] += newly_done
                assert contenders[which].completed() == done[which]
                fill(contenders[which], newly_done)
                took[which] = seconds / newly_done
            rounds.append(Round(*took))
    return compared("pg.claim_complete.8", rounds, count=1, names=("memva", "raw"))


def flatness(sizes: Sizes, schemas: Schemas) -> Iterator[Figure]:
    """Jobs claimed and completed beside each crowd, against as many in a schema of their own.

    Commits do not wait for the disk, so that this does not hide what grows.
    """
    for crowd in crowds(sizes):
        with schemas.new() as crowded, schemas.new() as empty:
            ground = _Ground(schemas, crowded)
            write_crowd(ground, crowd)
            ground.settle()
            with ground.open() as large, _Ground(schemas, empty).open() as small:
                yield beside_crowd(f"pg.flat.{crowd.name}", sizes, crowd, large, small)


def best_of_peers(sizes: Sizes, schemas: Schemas) -> Figure:
    """Memva's rate in units of that of the fastest peer: one by one, and batches to batches."""
    with ExitStack() as stack:

        def schema() -> str:
            return stack.enter_context(schemas.new())

        contenders: dict[str, Contender] = {}
        for ending, in_batches in (("", False), (_BATCHES, True)):
            store = stack.enter_context(PostgresStore.open(schemas.url, schema=schema()))
            contenders[MEMVA + ending] = Memva(store, in_batches)
            raw = stack.enter_context(_raw(schemas.url, schema(), in_batches=in_batches))
            contenders[RAW + ending] = raw
        for name in _AGAINST:
            url = schemas.url_in(schema())
            contenders[name] = stack.enter_context(peer_on(name, url, durability="on"))
        rounds = rounds_of(contenders, sizes)
    return best_peer("pg.vs_best_peer", rounds, _AGAINST, {}, count=sizes.peer_jobs)


class _Ground:
    """A schema, where commits do not wait for the disk."""

    def __init__(self, schemas: Schemas, schema: str) -> None:
        self._schemas = schemas
        self._schema = schema
        self.open().close()

    def open(self) -> PostgresStore:
        return PostgresStore.open(self._schemas.quick_url, schema=self._schema)

    def insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        with (
            connect(self._schemas.quick_url, self._schema) as connection,
            connection.cursor() as cursor,
            cursor.copy(_COPY) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def first_rows(self) -> list[tuple[object, ...]]:
        with connect(self._schemas.quick_url, self._schema) as connection:
            return connection.execute(FIRST_ROWS.encode()).fetchall()

    @contextmanager
    def twin(self) -> Iterator[_Ground]:
        with self._schemas.new() as schema:
            yield _Ground(self._schemas, schema)

    def settle(self) -> None:
        """Have done what the server does by itself some time after rows were written."""
        with connect(self._schemas.quick_url, self._schema) as connection:
            connection.execute("VACUUM (ANALYZE) jobs")


@contextmanager
def _raw(url: str, schema: str, *, in_batches: bool = False) -> Iterator[RawPostgres]:
    """Give the floor, in a schema with memva's tables and indexes."""
    PostgresStore.open(url, schema=schema).close()
    with connect(url, schema) as connection:
        yield RawPostgres(connection, in_batches)


@contextmanager
def _on_memva(url: str, schema: str) -> Iterator[Steps]:
    with PostgresStore.open(url, schema=schema) as store:
        yield steps_on(store)


@contextmanager
def _on_raw(url: str, schema: str) -> Iterator[Steps]:
    with connect(url, schema) as connection:
        floor = RawPostgres(connection)
        yield floor.claim, floor.complete
