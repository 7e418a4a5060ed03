from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memva import create_job, get_job
from memva.adapters.sqlite import SqliteStore

from .conftest import Run, Start


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host's modules in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "host_jobs.py").write_text(
        "def fails(data, context):\n"
        "    raise ValueError('no such project')\n"
        "def waits(data, context):\n"
        "    context.wait(30)\n"
        "    context.raise_if_cancelled()\n"
        "handlers = {\n"
        "    'double': lambda data, context: 2 * data,\n"
        "    'fails': fails,\n"
        "    'waits': waits,\n"
        "}\n"
        "number = 7\n"
        "none = {}\n"
        "odd = {'x': 7}\n"
    )
    (tmp_path / "broken_jobs.py").write_text("raise RuntimeError('broken')\n")
    (tmp_path / "lacking_jobs.py").write_text("import surely_not_there\n")


def lines(process: subprocess.Popen[bytes]) -> list[str]:
    """Wait for a process, and return what it wrote to standard output, without the times."""
    written, _ = process.communicate(timeout=30)
    return [line.split(" ", 2)[2] for line in written.decode().splitlines()]


def test_it_runs_what_is_due(start: Start, store: SqliteStore) -> None:
    done = create_job(store, type="double", data=21)
    failed = create_job(store, type="fails", max_attempts=1)
    process = start("work", "host_jobs:handlers", "--until-idle", "--concurrency", "1")
    assert lines(process) == [
        f"double {done.id} started",
        f"double {done.id} completed after 0.0s",
        f"fails {failed.id} started",
        f"fails {failed.id} failed after 0.0s (ValueError: no such project)",
    ]
    assert process.returncode == 0
    assert get_job(store, done.id).result == 42


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_hands_back_what_runs_when_it_is_stopped(
    start: Start, store: SqliteStore, number: signal.Signals
) -> None:
    job = create_job(store, type="waits")
    process = start("work", "host_jobs:handlers", "--grace", "0s")
    while get_job(store, job.id).status != "processing":
        time.sleep(0.01)
    process.send_signal(number)
    assert lines(process)[-1].startswith(f"waits {job.id} released after")
    assert process.returncode == 0
    assert (get_job(store, job.id).status, get_job(store, job.id).attempts) == ("pending", 0)


def test_it_makes_the_database(start: Start, database: Path) -> None:
    process = start("work", "host_jobs:handlers", "--until-idle")
    _, told = process.communicate(timeout=30)
    assert told.decode() == "Running jobs of the type double, fails, waits, until there are none.\n"
    assert database.exists()


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("host_jobs", "'host_jobs' must be MODULE:HANDLERS, such as app.jobs:handlers"),
        ("host_jobs:", "'host_jobs:' must be MODULE:HANDLERS, such as app.jobs:handlers"),
        ("host_jobs:nobody", "host_jobs has no 'nobody'"),
        ("host_jobs:number", "host_jobs:number is no mapping from types of jobs to functions"),
        ("nowhere:handlers", "there is no module 'nowhere'"),
        ("lacking_jobs:x", "lacking_jobs cannot be imported: No module named 'surely_not_there'"),
        ("broken_jobs:x", "broken_jobs cannot be imported: RuntimeError('broken')"),
        ("host_jobs:none", "handlers must have a handler for at least one type, not {}"),
        ("host_jobs:odd", "handlers['x'] must be a function of data and context, not 7"),
    ],
)
def test_what_cannot_be_run_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, target: str, reason: str
) -> None:
    # The command adds the current folder.
    monkeypatch.setattr(sys, "path", list(sys.path))
    result = run("work", target)
    assert (result.exit_code, result.stderr) == (1, f"memva: error: {reason}\n")
