"""How much each benchmark does: what its figures are stated for, or just enough to see it run."""

from __future__ import annotations

from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Sizes:
    """How much each benchmark does.

    Attributes:
        bulk_events: Events appended in batches in each round.
        bulk_rounds: Rounds, each into new files.
        single_events: Events appended one by one in each round.
        single_rounds: Rounds.
        paged_events: Events in the file that realistic pages are read from.
        pages: Pages read in each round.
        page_rounds: Rounds.
        few_events: Events in the small file that the large one is held against.
        many_events: Events in the large one.
        flat_events: Events appended one by one to each of them in each round.
        flat_rounds: Rounds.
        thread_events: Events in the conversation whose threads are found.
        thread_rounds: Rounds.
        searched_events: Events in the large file that is searched; the small one has a tenth.
        searches: How often each kind of word is searched for in either file.
        derived_events: Events appended in batches with counts and search, and with neither, in each
            round.
        derived_rounds: Rounds, each into new files.
        awaited_events: Events appended through asyncio, one by one, in each round.
        awaited_rounds: Rounds.
        largest_events: Events in the session that is the largest of the large file.
        looks: Looks at the home screen, or at a session's stats, in each round.
        look_rounds: Rounds.
        history_lines: Lines in the imported history.
        history_rounds: Rounds, each into new files.
        large_history_lines: Lines of 10 MB in the history whose import's memory is measured.
        unchanged_files: Files in the history of which little changed.
        unchanged_rounds: Rounds.
        watched_files: Files in the watched folder.
        watched_lines: Lines that are appended to some of them.
        watch_seconds: How long it is watched without any.
        import_rounds: How often each module is imported in a fresh interpreter.
        jobs: Jobs claimed and completed one by one, or created one by one, in each round.
        job_batches: Batches of jobs created at once in each round.
        job_rounds: Rounds.
        many_jobs: Jobs beside which claims must stay quick, where those are finished or future.
        crowd_jobs: Jobs beside which they must, where those are due or of many priorities.
        crowd_priorities: How many priorities the latter have.
        contended_seconds: How long the processes on one file are left to it in each round.
        contended_rounds: Rounds.
        peer_jobs: Jobs that each of the peers claims and completes in each round.
        peer_rounds: Rounds.
        worker_jobs: Jobs that a worker runs in each round.
        worker_rounds: Rounds.
        wakeups: How often a waiting worker is given a job.
        idle_seconds: How long a worker without jobs is watched.
    """

    bulk_events: int
    bulk_rounds: int
    single_events: int
    single_rounds: int
    paged_events: int
    pages: int
    page_rounds: int
    few_events: int
    many_events: int
    flat_events: int
    flat_rounds: int
    thread_events: int
    thread_rounds: int
    searched_events: int
    searches: int
    derived_events: int
    derived_rounds: int
    awaited_events: int
    awaited_rounds: int
    largest_events: int
    looks: int
    look_rounds: int
    history_lines: int
    history_rounds: int
    large_history_lines: int
    unchanged_files: int
    unchanged_rounds: int
    watched_files: int
    watched_lines: int
    watch_seconds: float
    import_rounds: int
    jobs: int
    job_batches: int
    job_rounds: int
    many_jobs: int
    crowd_jobs: int
    crowd_priorities: int
    contended_seconds: float
    contended_rounds: int
    peer_jobs: int
    peer_rounds: int
    worker_jobs: int
    worker_rounds: int
    wakeups: int
    idle_seconds: float


STATED: Final = Sizes(
    bulk_events=100_000,
    bulk_rounds=3,
    single_events=2_000,
    single_rounds=9,
    paged_events=20_000,
    pages=300,
    page_rounds=9,
    few_events=10_000,
    many_events=1_000_000,
    flat_events=1_000,
    flat_rounds=9,
    thread_events=100_000,
    thread_rounds=5,
    searched_events=1_000_000,
    searches=200,
    derived_events=50_000,
    derived_rounds=5,
    awaited_events=1_000,
    awaited_rounds=9,
    largest_events=40_000,
    looks=100,
    look_rounds=9,
    history_lines=20_000,
    history_rounds=5,
    large_history_lines=50,
    unchanged_files=15_000,
    unchanged_rounds=31,
    watched_files=2_000,
    watched_lines=20,
    watch_seconds=40.0,
    import_rounds=41,
    jobs=1_000,
    job_batches=20,
    job_rounds=9,
    many_jobs=1_000_000,
    crowd_jobs=100_000,
    crowd_priorities=1_000,
    contended_seconds=3.0,
    contended_rounds=5,
    peer_jobs=1_000,
    peer_rounds=5,
    worker_jobs=2_000,
    worker_rounds=5,
    wakeups=40,
    idle_seconds=20.0,
)

QUICK: Final = Sizes(
    bulk_events=1_000,
    bulk_rounds=1,
    single_events=50,
    single_rounds=1,
    paged_events=1_000,
    pages=10,
    page_rounds=1,
    few_events=2_000,
    many_events=4_000,
    flat_events=50,
    flat_rounds=1,
    thread_events=1_000,
    thread_rounds=1,
    searched_events=4_000,
    searches=5,
    derived_events=1_000,
    derived_rounds=1,
    awaited_events=50,
    awaited_rounds=1,
    largest_events=1_000,
    looks=5,
    look_rounds=1,
    history_lines=500,
    history_rounds=1,
    large_history_lines=2,
    unchanged_files=60,
    unchanged_rounds=1,
    watched_files=20,
    watched_lines=2,
    watch_seconds=1.0,
    import_rounds=1,
    jobs=50,
    job_batches=2,
    job_rounds=1,
    many_jobs=2_000,
    crowd_jobs=1_000,
    crowd_priorities=10,
    contended_seconds=0.3,
    contended_rounds=1,
    peer_jobs=25,
    peer_rounds=1,
    worker_jobs=50,
    worker_rounds=1,
    wakeups=3,
    idle_seconds=1.0,
)
