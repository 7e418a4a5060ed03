from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.copying.conftest import take_small_steps
from tests.copying.stores import everything, fill

from memva import CopyProgress
from memva.adapters.sqlite import SqliteStore
from memva.cli import copying
from memva.services.store_copy import copy_store

from .conftest import Run, Start


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target.db"


def test_everything_is_copied_and_compared(run: Run, store: SqliteStore, target: Path) -> None:
    fill(store)
    result = run("copy", target)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "30 sessions copied",
        "29 events copied",
        "40 jobs copied",
        "4 import cursors copied",
        "2 transcript notes copied",
        "4 deletions copied",
        f"{target} holds all of it, and nothing else: everything was compared.",
    ]
    with SqliteStore.open(target) as copied:
        assert everything(copied) == everything(store)

    result = run("copy", target)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "0 sessions copied, 30 were there already"
    assert run("--db", target, "sessions").stdout == run("sessions").stdout


def test_a_copy_that_was_stopped_goes_on(
    run: Run, store: SqliteStore, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    take_small_steps(monkeypatch.setattr)

    def stopped(source: SqliteStore, target: SqliteStore, **_: object) -> object:
        def stop(progress: CopyProgress) -> None:
            if progress.part == "events":
                raise KeyboardInterrupt

        return copy_store(source, target, on_progress=stop)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "copy_store", stopped)
        result = run("copy", target)
    assert result.exit_code == 130
    assert result.stderr == "Interrupted; what was copied is kept. Run the same command to go on.\n"
    result = run("copy", target)
    assert result.exit_code == 0
    assert "24 events copied, 5 were there already" in result.stdout
    with SqliteStore.open(target) as copied:
        assert everything(copied) == everything(store)


def test_another_target_is_one_error_line_and_stays(
    run: Run, store: SqliteStore, target: Path, history: Path
) -> None:
    fill(store)
    run("--db", target, "import", history)
    before = run("--db", target, "sessions", "--json").stdout
    result = run("copy", target)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"memva: error: {target}: the target holds something else")
    assert result.stderr.endswith("It was left as it was; name a new TARGET, or remove this one\n")
    assert result.stderr.count("\n") == 1
    assert run("--db", target, "sessions", "--json").stdout == before


def test_a_copy_that_differs_is_named(
    run: Run, store: SqliteStore, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)

    def meddled(source: SqliteStore, target: SqliteStore, **_: object) -> object:
        def meddle(progress: CopyProgress) -> None:
            target.sessions.forget_deletion("gone")

        return copy_store(source, target, on_progress=meddle)

    monkeypatch.setattr(copying, "copy_store", meddled)
    result = run("copy", target)
    assert result.exit_code == 1
    assert "the copy differs from its source in its deletions" in result.stderr
    assert result.stderr.endswith("Something else wrote to it; copy to a new TARGET\n")


def test_the_database_itself_is_no_target(
    run: Run, store: SqliteStore, database: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(database)
    for target in (database, link):
        result = run("copy", target)
        assert result.exit_code == 1
        assert result.stderr == (
            f"memva: error: {target} is the database itself; name another TARGET\n"
        )


def test_a_target_of_another_application_is_left_alone(
    run: Run, store: SqliteStore, target: Path
) -> None:
    with closing(sqlite3.connect(target)) as raw:
        raw.execute("CREATE TABLE precious (x)")
    before = target.read_bytes()
    result = run("copy", target)
    assert result.exit_code == 1
    assert f"{target} is a database of another application" in result.stderr
    assert result.stderr.count("\n") == 1
    assert target.read_bytes() == before


def test_where_there_is_no_database_no_target_is_made(
    run: Run, database: Path, target: Path
) -> None:
    result = run("copy", target)
    assert result.exit_code == 1
    assert "there is no database" in result.stderr
    assert not database.exists()
    assert not target.exists()


def test_ctrl_c_stops_the_command(start: Start, store: SqliteStore, target: Path) -> None:
    fill(store)
    code = (
        "import signal, sys; from memva.cli import copying; from memva.cli.app import app\n"
        "real = copying.copy_store\n"
        "def copy_store(source, target, *, on_progress):\n"
        "    def tell(progress):\n"
        "        on_progress(progress)\n"
        "        if progress.part == 'sessions':\n"
        "            print('begun', flush=True); signal.pause()\n"
        "    return real(source, target, on_progress=tell)\n"
        "copying.copy_store = copy_store\n"
        "app(['copy', sys.argv[1]])\n"
    )
    process = start(target, code=code)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Run the same command to go on." in errors
