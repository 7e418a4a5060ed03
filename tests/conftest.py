"""A store of each kind; and every test leaves nothing behind: no thread, process or open file."""

import gc
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Final

import psutil
import pytest
from hypothesis import settings
from tests.adapters.twins import Opens, Place, on_postgres, on_sqlite
from tests.postgres import Schemas, Server, own_server, running_server, schemas_on
from tests.sqlite import opened_before

from memva import WorkerStore
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import PostgresStore
from memva.testing.contract.processes import PROOF

# The suite is the same on every run; make proof goes on to what it has not tried yet.
settings.register_profile("suite", max_examples=50, derandomize=True, deadline=None)
settings.register_profile("proof", max_examples=2_000, stateful_step_count=100, deadline=None)
settings.load_profile("proof" if PROOF else "suite")

_SIZES: Final = {"PROOF", "SECONDS"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make proof` runs at another size; what has random examples Hypothesis marks.

    Their modules ask for one of the sizes. They take long, and go first with all that is beside
    them, so that no process is left with one of them when the others have ended.
    """
    for item in items:
        if isinstance(item, pytest.Function) and item.function.__globals__.keys() & _SIZES:
            item.add_marker("proof")
    long = {_scope(item) for item in items if item.get_closest_marker("proof")}
    items.sort(key=lambda item: _scope(item) not in long)


def _scope(item: pytest.Item) -> str:
    """Return what pytest-xdist gives to a process as a whole: a module, a class or a page."""
    return item.nodeid.rpartition("::")[0]


@pytest.fixture(scope="session", autouse=True)
def _tracker() -> None:
    # Started here, so that it does not look like a leak of the first test that spawns a process.
    resource_tracker.ensure_running()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of a PostgreSQL server, one for all tests, started when the first asks."""
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_schemas(postgres_url: str) -> Iterator[Schemas]:
    """Give schemas that go when all tests have ended."""
    with schemas_on(postgres_url) as schemas:
        yield schemas


@pytest.fixture(scope="session")
def restarted_server() -> Iterator[Server]:
    """Give a server of this process's own; a test may stop it, and starts it before it ends."""
    with own_server() as server:
        yield server


@pytest.fixture
def restarted_schema(restarted_server: Server) -> Iterator[str]:
    """Give the name of an empty schema on the server that a test may stop."""
    with schemas_on(restarted_server.url) as schemas, schemas.own() as schema:
        yield schema


@pytest.fixture(scope="session")
def on_server(postgres_url: str, postgres_schemas: Schemas) -> Place:
    """Give what gives an empty place on the server, again and again in one test."""
    return on_postgres(postgres_url, postgres_schemas)


@pytest.fixture
def postgres_schema(postgres_schemas: Schemas) -> Iterator[str]:
    """Give the name of a schema of the test's own, which is empty."""
    with postgres_schemas.own() as schema:
        yield schema


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    process = psutil.Process()
    threads, files = set(threading.enumerate()), process.num_fds()
    yield
    if process.num_fds() > files:
        gc.collect()
    assert [thread for thread in threading.enumerate() if thread not in threads] == []
    assert multiprocessing.active_children() == []
    assert process.num_fds() <= files, [file.path for file in process.open_files()]


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerStore]:
    if request.param == "memory":
        with MemoryStore() as memory:
            yield memory
    elif request.param == "sqlite":
        with opened_before(tmp_path / "memva.db")() as sqlite:
            yield sqlite
    else:
        # Asked for here, so that no test of another store needs a server.
        yield request.getfixturevalue("postgres_store")


@pytest.fixture(params=["sqlite", "postgres"])
def durable_place(request: pytest.FixtureRequest) -> Place:
    """Give what gives an empty place for a store that outlives its process."""
    return on_sqlite if request.param == "sqlite" else request.getfixturevalue("on_server")


@pytest.fixture
def open_durable(durable_place: Place) -> Iterator[Opens]:
    """Give what opens the same store on each call, in other processes too."""
    with durable_place() as opens:
        yield opens


@pytest.fixture
def postgres_store(postgres_url: str, postgres_schema: str) -> Iterator[PostgresStore]:
    with PostgresStore.open(postgres_url, schema=postgres_schema) as store:
        yield store
