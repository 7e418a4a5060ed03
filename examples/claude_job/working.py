"""What each worker process of the example runs."""

from __future__ import annotations

from datetime import timedelta

from examples.claude_job.handler import handlers

from memva.adapters.sqlite import SqliteStore
from memva.worker import Worker

LEASE = timedelta(seconds=1)


def work(database: str) -> None:
    """Run the jobs of a database until SIGTERM."""
    with SqliteStore.open(database) as store:
        Worker(store, handlers, lease=LEASE).run()
