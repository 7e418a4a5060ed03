"""The worker: runs a host's handlers on the jobs of a store.

    worker = Worker(store, {"prompt": answer_prompt}, concurrency=4)
    worker.run()

A handler is `def handler(data, context)`, or the same with `async def`. What it returns is the
job's result. `docs/jobs.md` says what is promised, and what is not.
"""

from memva.worker.context import JobCancelled, JobContext, StopReason
from memva.worker.handlers import Handler, PermanentFailure, Snooze
from memva.worker.happenings import Happening, HappeningKind
from memva.worker.worker import DEFAULT_WORKER_LEASE, Worker

__all__ = [
    "DEFAULT_WORKER_LEASE",
    "Handler",
    "Happening",
    "HappeningKind",
    "JobCancelled",
    "JobContext",
    "PermanentFailure",
    "Snooze",
    "StopReason",
    "Worker",
]
