"""A command whose home, database and terminal are the test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result
from tests.sqlite import opened_before

from memva.adapters.sqlite import SqliteStore
from memva.cli.app import app

SAMPLE = Path(__file__).parents[2] / "examples" / "history" / "projects"


class Run(Protocol):
    """Runs the command in this process."""

    def __call__(self, *arguments: str | Path) -> Result: ...


class Start(Protocol):
    """Starts the command, or other Python code, in a process of its own."""

    def __call__(
        self,
        *arguments: str | Path,
        code: str | None = None,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]: ...


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(tmp_path / "home"))
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        patch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "claude"))
        patch.setenv("MEMVA_DB", str(tmp_path / "memva.db"))
        patch.setenv("TZ", "UTC")
        for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONIOENCODING"):
            patch.delenv(name, raising=False)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The file that the command uses; there is none yet."""
    return tmp_path / "memva.db"


@pytest.fixture
def store(database: Path) -> Iterator[SqliteStore]:
    """The command's store, made for the test to fill."""
    with opened_before(database)() as store:
        yield store


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A copy of the sample history, for the test to change."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "projects"))


@pytest.fixture
def run() -> Run:
    def run(*arguments: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start(
        *arguments: str | Path,
        code: str | None = None,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        what: Sequence[str] = ["-m", "memva.cli"] if code is None else ["-c", code]
        command = [sys.executable, *what, *map(str, arguments)]
        process = subprocess.Popen(command, env=dict(os.environ), stdout=stdout, stderr=stderr)
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()
