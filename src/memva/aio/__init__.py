"""The services for asyncio: each is awaited, over any store, and the loop goes on meanwhile.

They are those of `memva`, with the same names, parameters, results and errors; `record_stream`
alone reads another stream, asyncio's. Services that return an iterator are asynchronous generators
here. A call runs in a thread. Where its caller is cancelled, one that has not begun is withdrawn,
and one that runs is waited for, before `CancelledError` goes on: nothing is left running, and
nothing is left open. Whether it took effect is as uncertain then as with any call whose answer is
lost.
"""

from memva.aio.blocks import TransactionOfAnotherTask, snapshot, transaction
from memva.aio.recording import record_stream
from memva.aio.wrapping import awaitable, followed, iterated, stepped, waited
from memva.services import (
    claims,
    counts,
    events,
    following,
    health,
    jobs,
    recording,
    search,
    session_pruning,
    sessions,
    store_copy,
    transcript_export,
    transcript_import,
    transcript_watch,
    transcripts,
)
from memva.services.typescript_memva import database_import

__all__ = [
    "TransactionOfAnotherTask",
    "append_to_transcript",
    "archive_session",
    "associate_events_with_session",
    "build_search_index",
    "cancel_job",
    "check_store",
    "checkpoint_job",
    "complete_job",
    "complete_jobs",
    "copy_store",
    "create_job",
    "create_jobs",
    "create_session",
    "delete_session",
    "delete_transcript",
    "export_all_transcripts",
    "export_transcripts",
    "fail_job",
    "follow_events",
    "get_active_job",
    "get_claude_sessions_for_session",
    "get_events_for_claude_session",
    "get_events_for_session",
    "get_job",
    "get_job_attempts",
    "get_job_stats",
    "get_last_position",
    "get_latest_claude_session_id",
    "get_next_job",
    "get_next_jobs",
    "get_recent_events",
    "get_session",
    "get_session_stats",
    "get_stats_of_sessions",
    "get_usage",
    "import_memva_database",
    "import_transcripts",
    "list_jobs",
    "list_session_summaries",
    "list_sessions",
    "list_transcripts",
    "locate_event",
    "page_events",
    "prune_jobs",
    "prune_sessions",
    "read_transcript",
    "record_event",
    "record_events",
    "record_message",
    "record_prompt",
    "record_stream",
    "release_job",
    "renew_lease",
    "rescue_expired_jobs",
    "retry_job",
    "search_events",
    "snapshot",
    "snooze_job",
    "summarise_transcript",
    "transaction",
    "translate_position",
    "update_job_status",
    "update_session",
    "wait_for_job",
    "watch_transcripts",
]

archive_session = awaitable(sessions.archive_session)
create_session = awaitable(sessions.create_session)
delete_session = awaitable(sessions.delete_session)
get_session = awaitable(sessions.get_session)
list_sessions = awaitable(sessions.list_sessions)
update_session = awaitable(sessions.update_session)
prune_sessions = awaitable(session_pruning.prune_sessions)

associate_events_with_session = awaitable(events.associate_events_with_session)
get_claude_sessions_for_session = awaitable(events.get_claude_sessions_for_session)
get_events_for_claude_session = iterated(events.get_events_for_claude_session)
get_events_for_session = iterated(events.get_events_for_session)
get_latest_claude_session_id = awaitable(events.get_latest_claude_session_id)
get_recent_events = awaitable(events.get_recent_events)
locate_event = awaitable(events.locate_event)
page_events = awaitable(events.page_events)
record_event = awaitable(events.record_event)
record_events = awaitable(events.record_events)

record_message = awaitable(recording.record_message)
record_prompt = awaitable(recording.record_prompt)

follow_events = followed(following.follow_events, following.event_steps)
get_last_position = awaitable(following.get_last_position)

get_session_stats = awaitable(counts.get_session_stats)
get_stats_of_sessions = awaitable(counts.get_stats_of_sessions)
get_usage = awaitable(counts.get_usage)
list_session_summaries = awaitable(counts.list_session_summaries)

build_search_index = awaitable(search.build_search_index)
search_events = awaitable(search.search_events)

cancel_job = awaitable(jobs.cancel_job)
create_job = awaitable(jobs.create_job)
create_jobs = awaitable(jobs.create_jobs)
get_active_job = awaitable(jobs.get_active_job)
get_job = awaitable(jobs.get_job)
get_job_attempts = awaitable(jobs.get_job_attempts)
get_job_stats = awaitable(jobs.get_job_stats)
list_jobs = awaitable(jobs.list_jobs)
prune_jobs = awaitable(jobs.prune_jobs)
retry_job = awaitable(jobs.retry_job)
wait_for_job = waited(jobs.wait_for_job, jobs.job_steps)

checkpoint_job = awaitable(claims.checkpoint_job)
complete_job = awaitable(claims.complete_job)
complete_jobs = awaitable(claims.complete_jobs)
fail_job = awaitable(claims.fail_job)
get_next_job = awaitable(claims.get_next_job)
get_next_jobs = awaitable(claims.get_next_jobs)
release_job = awaitable(claims.release_job)
renew_lease = awaitable(claims.renew_lease)
rescue_expired_jobs = awaitable(claims.rescue_expired_jobs)
snooze_job = awaitable(claims.snooze_job)
update_job_status = awaitable(claims.update_job_status)

import_memva_database = awaitable(database_import.import_memva_database)
import_transcripts = awaitable(transcript_import.import_transcripts)
export_all_transcripts = awaitable(transcript_export.export_all_transcripts)
export_transcripts = awaitable(transcript_export.export_transcripts)

append_to_transcript = awaitable(transcripts.append_to_transcript)
delete_transcript = awaitable(transcripts.delete_transcript)
list_transcripts = awaitable(transcripts.list_transcripts)
read_transcript = iterated(transcripts.read_transcript)
summarise_transcript = awaitable(transcripts.summarise_transcript)

copy_store = awaitable(store_copy.copy_store)
translate_position = awaitable(store_copy.translate_position)

check_store = awaitable(health.check_store)
watch_transcripts = stepped(transcript_watch.watch_transcripts, transcript_watch.watch_steps)
