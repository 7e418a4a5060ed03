"""memva in one sitting: import a history, work on it in the background, search it, count it.

It imports the sample history beside it into a store in a temporary folder, and leaves nothing
behind. Run it with `make demo`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from memva import (
    EventQuery,
    Job,
    JsonValue,
    Store,
    complete_job,
    create_job,
    fail_job,
    get_events_for_session,
    get_next_job,
    get_usage,
    import_transcripts,
    list_jobs,
    list_session_summaries,
    list_sessions,
    page_events,
    search_events,
    update_session,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore

HISTORY = Path(__file__).parent / "history" / "projects"


def words_in(value: JsonValue) -> int:
    """Count the words of every text block in a message."""
    if isinstance(value, Mapping):
        text = value.get("text")
        return len(text.split()) if isinstance(text, str) else words_in(value.get("content"))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sum(words_in(item) for item in value)
    return len(value.split()) if isinstance(value, str) else 0


def count_words(store: Store, job: Job) -> None:
    """Do a job: count a session's words, and keep the count in the session too."""
    session_id = str(job.memva_session_id)
    words: dict[str, int] = {}
    for event in get_events_for_session(store, session_id):
        if event.event_type in ("user", "assistant"):
            found = words_in(event.data.get("message"))
            words[event.event_type] = words.get(event.event_type, 0) + found
    # The effect and the end of the job are stored together, or neither is.
    with store.transaction():
        update_session(store, session_id, metadata={"words": words})
        complete_job(store, job, words)


def run(store: SqliteStore) -> None:
    """Import the history, do a job for each session, and print what is stored."""
    report = import_transcripts(store, TranscriptFiles(HISTORY))
    print(f"Imported {report.transcripts} transcripts:")
    print(f"  {report.sessions} sessions created, {report.events.added} events added")
    for problem in report.problems:
        print(f"  not read: {Path(problem.source).name}, line {problem.line}: {problem.reason}")

    for session in list_sessions(store):
        with store.transaction():
            update_session(store, session.id, status="completed")
            create_job(store, type="count-words", memva_session_id=session.id)
    while job := get_next_job(store, types=["count-words"], worker_id="demo"):
        try:
            count_words(store, job)
        except Exception as error:
            fail_job(store, job, repr(error))

    for summary in list_session_summaries(store):
        session, stats = summary.session, summary.stats
        print(f"\nSession {session.title!r} in {session.project_path}, {session.status}:")
        for event in page_events(store, EventQuery(memva_session_id=session.id), limit=5):
            print(f"  {event.timestamp:%Y-%m-%d %H:%M:%S}  line {event.line}  {event.event_type}")
        print(f"  turns: {stats.turns}, tokens: {stats.usage.usage.total_tokens}")
    print('\nFound with "login pass*":')
    for hit in search_events(store, "login pass*"):
        print(f"  {hit.event.timestamp:%Y-%m-%d %H:%M:%S}  {hit.snippet.text}")
    print("\nTokens:")
    for model, totals in get_usage(store, by="model").groups.items():
        print(f"  {model}: {totals.usage.total_tokens}")
    print("\nJobs:")
    for job in list_jobs(store):
        print(f"  {job.type} of {job.memva_session_id}: {job.status}, {job.result}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, SqliteStore.open(f"{folder}/memva.db") as store:
        run(store)
