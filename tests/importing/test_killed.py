"""An import killed at any moment and started again ends as one clean import does."""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.importing.conftest import History

from memva import import_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore
from memva.testing.contract.processes import PROOF

KILLS = 20 if PROOF else 4


def import_all(database: Path, projects: Path, *, begun: str | None = None) -> None:
    with SqliteStore.open(database) as store:
        if begun is not None:
            Path(begun).touch()
        import_transcripts(store, TranscriptFiles(projects))


def dump(database: Path) -> list[str]:
    """Return every row of every table, and the schema."""
    with closing(sqlite3.connect(database)) as raw:
        return list(raw.iterdump())


def test_killed_import_ends_as_a_clean_one(history: History, tmp_path: Path) -> None:
    for number in range(8):
        path = history.root / f"-code-{number}" / f"{number:08}-0000-4000-8000-000000000000.jsonl"
        history.write(
            *(
                {"type": "mode", "mode": "plan"} if n % 5 == 0 else history.line(n)
                for n in range(1_500)
            ),
            "torn\n",
            path=path,
        )
        history.write(
            *(history.line(n, uuid=f"sub-{n}") for n in range(700)),
            path=path.with_suffix("") / "subagents" / "agent-1.jsonl",
        )
    clean, killed = tmp_path / "clean.db", tmp_path / "killed.db"
    begin = time.monotonic()
    import_all(clean, history.root)
    took = time.monotonic() - begin

    moments = random.Random(11)
    spawn = multiprocessing.get_context("spawn")
    kills = 0
    for run in range(KILLS):
        begun = tmp_path / f"begun-{run}"
        process = spawn.Process(
            target=import_all, args=(killed, history.root), kwargs={"begun": str(begun)}
        )
        process.start()
        while not begun.exists() and process.is_alive():
            time.sleep(0.001)
        time.sleep(moments.uniform(0, took * 1.5 / KILLS))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        process.close()
    import_all(killed, history.root)
    assert dump(killed) == dump(clean)
    assert kills >= KILLS // 2
