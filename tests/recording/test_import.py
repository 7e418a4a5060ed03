"""What was recorded and what is imported later are one conversation, counted once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.recording.messages import CALL, CLAUDE, RESULT, TURN

from memva import (
    CountingStore,
    Event,
    EventQuery,
    Transcript,
    TranscriptStore,
    Usage,
    WatchableStore,
    append_to_transcript,
    create_session,
    follow_events,
    get_events_for_session,
    get_last_position,
    get_latest_claude_session_id,
    get_session,
    get_session_stats,
    get_usage,
    import_transcripts,
    list_sessions,
    page_events,
    record_message,
    record_prompt,
    record_stream,
    subagents_in,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.domain.line import UNNUMBERED

PROMPT = "uuid-2"
FINAL = {"input_tokens": 10, "output_tokens": 20}


class AStore(CountingStore, TranscriptStore, WatchableStore, Protocol):
    """A store that counts, keeps transcripts and can be followed."""


def transcript_line(said: dict[str, Any], *, session_id: str = CLAUDE) -> dict[str, Any]:
    """Return a message as Claude Code writes it to the transcript: final, in camel case."""
    line = {
        "type": said["type"],
        "uuid": said["uuid"],
        "sessionId": session_id,
        "cwd": "/code/app",
        "timestamp": f"2026-03-02T09:00:0{said['uuid'][-1]}.000Z",
        "isSidechain": bool(said["parent_tool_use_id"]),
        "message": said["message"],
    }
    if said["type"] == "assistant":
        line["message"] = said["message"] | {"stop_reason": "end_turn", "usage": FINAL}
    if "tool_use_result" in said:
        line["toolUseResult"] = said["tool_use_result"]
    return line


def transcripts(*, session_id: str = CLAUDE) -> dict[Transcript, list[dict[str, Any]]]:
    """Return what of the turn reaches the transcripts: the subagent's has one of its own."""
    said = [one for one in TURN if one["type"] in ("user", "assistant")]
    return {
        Transcript("-code-app", session_id, subpath): [
            transcript_line(one, session_id=session_id)
            for one in said
            if one["parent_tool_use_id"] == call
        ]
        for subpath, call in (("", None), ("subagents/agent-a1", CALL))
    }


def write_transcripts(folder: Path, *, session_id: str = CLAUDE) -> None:
    """Write the transcripts' files."""
    for transcript, lines in transcripts(session_id=session_id).items():
        path = folder.joinpath(*filter(None, transcript)).with_suffix(".jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def recorded(store: AStore) -> str:
    """Record the turn into a new session, and return the session's id."""
    session = create_session(store, project_path="/code/app")
    list(record_stream(store, session.id, [json.dumps(one) for one in TURN]))
    return session.id


def imported(store: AStore, folder: Path) -> None:
    write_transcripts(folder)
    report = import_transcripts(store, TranscriptFiles(folder))
    assert report.problems == ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "projects"


def events(store: AStore, session_id: str) -> list[Event]:
    return list(get_events_for_session(store, session_id))


@pytest.mark.parametrize("streamed_again", [False, True])
def test_streamed_and_imported_are_one(store: AStore, folder: Path, streamed_again: bool) -> None:
    session_id = recorded(store)
    imported(store, folder)
    if streamed_again:
        list(record_stream(store, session_id, [json.dumps(one) for one in TURN]))
    kept = events(store, session_id)
    assert [event.uuid for event in kept if event.line == 0] == ["uuid-1", "uuid-7", "uuid-9"]
    assert len(kept) == len(TURN)
    assert [session.id for session in list_sessions(store)] == [session_id]
    assert get_session(store, session_id).claude_status == "completed"
    [subagent] = subagents_in(kept)
    assert (subagent.agent_id, subagent.linked_by) == ("a1", "result")


@pytest.mark.parametrize("heard", range(1, len(TURN) + 1))
def test_import_in_the_middle_of_the_stream(store: AStore, folder: Path, heard: int) -> None:
    session_id = create_session(store, project_path="/code/app").id
    for message in TURN[:heard]:
        record_message(store, session_id, message)
    imported(store, folder)
    for message in TURN[heard:]:
        record_message(store, session_id, message)
    kept = {event.uuid: (event.line, event.subpath) for event in events(store, session_id)}
    assert kept == {
        "uuid-1": (0, ""),
        "uuid-2": (1, ""),
        "uuid-3": (2, ""),
        "uuid-4": (1, "subagents/agent-a1"),
        "uuid-5": (3, ""),
        "uuid-6": (4, ""),
        "uuid-7": (0, ""),
        "uuid-9": (0, ""),
    }
    assert get_session(store, session_id).claude_status == "completed"
    assert get_session_stats(store, session_id).usage.usage.output_tokens == 60


def test_tokens_are_counted_once_and_the_cost_as_the_result_says(
    store: AStore, folder: Path
) -> None:
    session_id = recorded(store)
    streamed = get_session_stats(store, session_id)
    assert streamed.usage.usage == Usage(input_tokens=30, output_tokens=3)
    imported(store, folder)
    stats = get_session_stats(store, session_id)
    assert stats.usage.usage == Usage(input_tokens=30, output_tokens=60)
    assert get_usage(store, by="session").total == stats.usage
    [cost] = stats.reported_costs
    assert (cost.session_id, cost.usd) == (CLAUDE, RESULT["total_cost_usd"])
    assert stats.turns == 1


def test_imported_before_it_was_recorded(store: AStore, folder: Path) -> None:
    imported(store, folder)
    host = recorded(store)
    assert len(page_events(store, EventQuery(session_id=CLAUDE)).events) == len(TURN)
    assert get_latest_claude_session_id(store, host) == CLAUDE
    assert get_session_stats(store, CLAUDE).usage.usage == Usage(input_tokens=30, output_tokens=60)


def test_prompt_is_the_line_that_is_imported(store: AStore, folder: Path) -> None:
    session = create_session(store, project_path="/code/app")
    prompt = record_prompt(
        store, session.id, "Fix the login", uuid=PROMPT, claude_session_id=CLAUDE
    )
    imported(store, folder)
    [kept] = [event for event in events(store, session.id) if event.uuid == PROMPT]
    assert kept.line == 1
    assert kept.data != prompt.event.data
    assert [one.id for one in list_sessions(store)] == [session.id]


def test_what_the_sdk_mirrors_meanwhile_is_one_with_the_stream(store: AStore) -> None:
    session_id = recorded(store)
    for transcript, lines in transcripts().items():
        append_to_transcript(store, transcript, lines)
    kept = events(store, session_id)
    assert len(kept) == len(TURN)
    assert [event.line for event in kept if event.event_type == "assistant"] == [
        UNNUMBERED + number for number in (2, 1, 4)
    ]
    assert get_session(store, session_id).claude_status == "completed"


def test_fork_goes_to_the_same_session(store: AStore, folder: Path) -> None:
    session_id = recorded(store)
    forked = [json.dumps({**one, "session_id": "fork"}) for one in (TURN[0], RESULT)]
    list(record_stream(store, session_id, forked))
    assert get_latest_claude_session_id(store, session_id) == "fork"
    imported(store, folder)
    write_transcripts(folder, session_id="fork")
    import_transcripts(store, TranscriptFiles(folder))
    assert {event.session_id for event in events(store, session_id)} == {CLAUDE, "fork"}
    assert [one.id for one in list_sessions(store)] == [session_id]
    # What a fork repeats was used once.
    assert get_session_stats(store, session_id).usage.usage == Usage(
        input_tokens=30, output_tokens=60
    )


def test_followers_see_each_version(store: AStore, folder: Path) -> None:
    position = get_last_position(store)
    session_id = recorded(store)
    seen = list(follow_events(store, after=position, session_id=session_id, timeout=0))
    assert [event.data for event in seen] == TURN
    imported(store, folder)
    again = list(follow_events(store, after=seen[-1].position, session_id=session_id, timeout=0))
    assert sorted(event.uuid for event in again) == [
        "uuid-2",
        "uuid-3",
        "uuid-4",
        "uuid-5",
        "uuid-6",
    ]
    assert all(event.line > 0 for event in again)
