"""A prompt survives the death of its worker: run it with `python -m examples.claude_job`.

A worker in a process of its own is killed while Claude Code answers. Another one takes the job,
ends what was left running, and goes on in the same Claude session.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time

from examples.claude_job.working import work

from memva import (
    create_job,
    create_session,
    get_events_for_session,
    get_job_attempts,
    wait_for_job,
)
from memva.adapters.sqlite import SqliteStore


def main(folder: str) -> None:
    """Ask, kill, and wait for the answer."""
    os.environ["CLAUDE_CONFIG_DIR"] = folder
    database = f"{folder}/memva.db"
    spawn = multiprocessing.get_context("spawn")
    with SqliteStore.open(database) as store:
        session = create_session(store, project_path=folder, title="Fix the login")
        job = create_job(
            store,
            type="prompt",
            data={"say": "Please fix the login.", "cwd": folder},
            memva_session_id=session.id,
            # One prompt at a time in a session, in their order.
            concurrency_key=session.id,
        )
        first = spawn.Process(target=work, args=(database,))
        first.start()
        while len(list(get_events_for_session(store, session.id))) < 4:
            time.sleep(0.01)
        first.kill()
        first.join()
        print("The first worker was killed while Claude Code answered.")
        second = spawn.Process(target=work, args=(database,))
        second.start()
        done = wait_for_job(store, job.id, timeout=60)
        second.terminate()
        second.join()
        for attempt in get_job_attempts(store, job.id):
            print(f"Attempt {attempt.number}: {attempt.outcome}")
        print(f"The job is {done.status}: {done.result}")
        events = list(get_events_for_session(store, session.id))
        print(f"{len(events)} events, {len({event.session_id for event in events})} Claude session")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(temporary)
