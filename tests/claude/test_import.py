"""What the real Claude Code writes is imported whole, found and counted."""

import json

from tests.claude.machine import Machine
from tests.claude.stand_in import StandIn
from tests.claude.story import COUNT, COUNTED, DELEGATE, TELL

from memva import (
    get_events_for_session,
    get_session_stats,
    get_usage,
    import_transcripts,
    search_events,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore


def test_every_line_of_a_conversation_is_kept(machine: Machine, store: SqliteStore) -> None:
    session_id = machine.claude(DELEGATE)[-1]["session_id"]
    report = import_transcripts(store, TranscriptFiles(machine.projects))
    lines = [
        json.loads(line)
        for file in sorted(machine.projects.rglob("*.jsonl"))
        for line in file.read_bytes().splitlines()
    ]
    kept = [event.data for event in get_events_for_session(store, session_id)]
    assert report.problem_count == 0
    assert len(kept) == len(lines)
    assert all(line in kept for line in lines)


def test_what_a_subagent_heard_and_said_is_found(machine: Machine, store: SqliteStore) -> None:
    machine.claude(DELEGATE)
    import_transcripts(store, TranscriptFiles(machine.projects))
    for words in (COUNT, COUNTED):
        assert len(search_events(store, words, is_sidechain=True)) == 1


def test_tokens_are_those_that_the_api_told(
    machine: Machine, store: SqliteStore, api: StandIn
) -> None:
    session_id = machine.claude(TELL)[-1]["session_id"]
    machine.claude(DELEGATE, "--resume", session_id)
    import_transcripts(store, TranscriptFiles(machine.projects))
    total = get_usage(store).total
    assert total == get_session_stats(store, session_id).usage
    assert (total.responses, total.sidechain_responses) == (len(api.answers), 1) == (4, 1)
    assert total.usage == api.usage()
    assert total.is_final
