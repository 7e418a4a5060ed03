"""What the Agent SDK mirrors and what is imported are one, and every service sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import SessionKey, list_sessions_from_store, project_key_for_directory
from tests.claude_sdk.entries import (
    AGENT,
    KEY,
    MAIN_TRANSCRIPT,
    MODE,
    TITLE,
    append,
    delete,
    folded,
    listed,
    load,
    prompt,
    subkeys,
    summaries,
)
from tests.importing.conftest import CLAUDE, History, content

from memva import (
    JsonObject,
    Session,
    SessionNotFound,
    append_to_transcript,
    create_job,
    create_session,
    delete_session,
    get_events_for_session,
    get_session,
    get_session_stats,
    import_transcripts,
    list_sessions,
    list_transcripts,
    record_event,
    search_events,
    summarise_transcript,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore
from memva.claude_sdk import MemvaSessionStore
from memva.domain.line import UNNUMBERED

AnyStore = MemoryStore | SqliteStore | PostgresStore

ANSWER: Any = {
    "type": "assistant",
    "uuid": "answer",
    "parentUuid": "uuid-1",
    "timestamp": "2026-03-02T09:00:30.000Z",
    "message": {
        "id": "msg-1",
        "model": "claude",
        "content": [{"type": "text", "text": "Mended."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 7},
    },
}
REQUEST: Any = {"type": "api-request", "shape": "told to files alone"}


def only_session(store: AnyStore) -> Session:
    [session] = list_sessions(store)
    return session


def tokens(store: AnyStore) -> tuple[int, int]:
    """Return how many tokens the only session took in and gave out."""
    used = get_session_stats(store, only_session(store).id).usage.usage
    return used.input_tokens, used.output_tokens


def bring_in(store: AnyStore, history: History) -> int:
    """Import a history; return how many events came."""
    return import_transcripts(store, TranscriptFiles(history.root)).events.added


def test_every_service_sees_what_is_mirrored(store: AnyStore) -> None:
    append(store, MODE, prompt(1), ANSWER)
    session = only_session(store)
    assert (session.id, session.title, session.project_path) == (CLAUDE, "prompt 1", "/code/app")
    types = [event.event_type for event in get_events_for_session(store, CLAUDE)]
    assert types == ["mode", "user", "assistant"]
    [found] = search_events(store, "mended").hits
    assert found.event.uuid == "answer"
    stats = get_session_stats(store, CLAUDE)
    assert (stats.turns, tokens(store)) == (1, (3, 7))
    append(store, TITLE)
    assert only_session(store).title == "The login"


def test_what_is_imported_can_be_resumed(store: AnyStore, history: History) -> None:
    """With the files gone, subagents and what they are included."""
    main = [MODE, *(prompt(n) for n in range(5)), MODE, ANSWER]
    history.write(*main[:4], "torn\n", *main[4:])
    agent = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    history.write(prompt(9, isSidechain=True), path=agent)
    agent.with_suffix(".meta.json").write_text('{"agentType": "Explore"}')
    bring_in(store, history)
    history.main.unlink()
    assert load(store) == main
    assert subkeys(store) == ["subagents/agent-1"]
    assert load(store, AGENT) == [
        prompt(9, isSidechain=True),
        {"agentType": "Explore", "type": "agent_metadata"},
    ]
    assert listed(store).keys() == {CLAUDE}
    assert summaries(store) == {CLAUDE: folded(main)}
    append(store, prompt(20), MODE)
    assert load(store) == [*main, prompt(20), MODE]
    assert summaries(store) == {CLAUDE: folded([*main, prompt(20), MODE])}


def test_the_sdk_lists_what_was_imported(store: AnyStore, history: History, tmp_path: Path) -> None:
    folder = history.root / project_key_for_directory(tmp_path)
    history.write(prompt(1), TITLE, path=folder / f"{CLAUDE}.jsonl")
    bring_in(store, history)
    [info] = asyncio.run(
        list_sessions_from_store(MemvaSessionStore(store), directory=str(tmp_path))
    )
    assert (info.session_id, info.custom_title) == (CLAUDE, "The login")
    assert info.first_prompt == "prompt 1"


LINES = [MODE, prompt(1), MODE, MODE, ANSWER, TITLE, prompt(2), MODE]


@pytest.mark.parametrize("mirrored", range(len(LINES) + 1))
def test_mirror_before_import(store: AnyStore, history: History, mirrored: int) -> None:
    """Whatever was mirrored before its file is imported, it is there once."""
    append(store, *LINES[:mirrored])
    history.write(*LINES)
    assert bring_in(store, history) == len(LINES) - mirrored
    assert load(store) == LINES


@pytest.mark.parametrize("imported", range(len(LINES) + 1))
def test_import_before_mirror(store: AnyStore, history: History, imported: int) -> None:
    """Whatever was imported before it is mirrored, in two calls, it is there once."""
    history.write(*LINES[:imported])
    bring_in(store, history)
    append(store, *LINES[:5])
    append(store, *LINES[5:])
    assert load(store) == LINES
    history.append(*LINES[imported:])
    assert bring_in(store, history) == 0
    assert load(store) == LINES


def test_files_have_lines_that_are_not_mirrored(store: AnyStore, history: History) -> None:
    """Claude Code 2.1.332 keeps `api-request` lines from the mirror, and they stand anywhere."""
    turns = [[prompt(n), MODE, TITLE] for n in range(1, 4)]
    written: list[Any] = []
    for said, mode, title in turns:
        written += [said, REQUEST, mode, REQUEST, title]
        history.append(*written[-5:])
        bring_in(store, history)
        append(store, said, mode, title)
        append(store, MODE)
        history.append(MODE)
        written.append(MODE)
    bring_in(store, history)
    assert load(store) == written


@pytest.mark.parametrize("between", [REQUEST, "torn\n", "\n\n\n"])
def test_first_lines_are_known_across_what_is_not_mirrored(
    store: AnyStore, history: History, between: Any
) -> None:
    """A mirror that begins with lines without a uuid finds them before the first that has one."""
    history.write(prompt(1), MODE, between, prompt(2))
    bring_in(store, history)
    before = load(store)
    append(store, MODE, prompt(2))
    assert load(store) == before


def test_retry_knows_the_first_lines_that_an_import_brought(
    store: AnyStore, history: History
) -> None:
    """The import had seen nothing but them."""
    history.write(MODE, TITLE)
    bring_in(store, history)
    for _ in range(2):
        append(store, MODE, TITLE, MODE, prompt(1), MODE)
    assert load(store) == [MODE, TITLE, MODE, prompt(1), MODE]


def test_streamed_mirrored_and_imported_are_one(store: AnyStore, history: History) -> None:
    session = create_session(store, project_path="/code/app")
    streamed = {**ANSWER, "message": {**ANSWER["message"], "stop_reason": None}}
    record_event(
        store,
        session_id=CLAUDE,
        event_type="assistant",
        uuid="answer",
        data=streamed,
        memva_session_id=session.id,
    )
    append(store, prompt(1), ANSWER)
    history.write(prompt(1), ANSWER)
    assert bring_in(store, history) == 0
    assert only_session(store).id == session.id
    assert [event.uuid for event in get_events_for_session(store, session.id)] == [
        "uuid-1",
        "answer",
    ]
    assert tokens(store) == (3, 7)


def test_what_was_streamed_takes_its_place(store: AnyStore) -> None:
    """In the project that it was streamed in."""
    record_event(
        store,
        session_id=CLAUDE,
        event_type="assistant",
        uuid="answer",
        data=ANSWER,
        cwd="/code/app",
    )
    append(store, prompt(1), ANSWER)
    assert load(store) == [prompt(1), ANSWER]


def test_an_append_leaves_the_summary_of_an_import_to_who_asks(
    store: AnyStore, history: History
) -> None:
    """And whoever asks goes on with the lines that have come since, each once."""
    given: list[str] = []

    def fold(before: JsonObject | None, lines: Sequence[JsonObject]) -> JsonObject:
        given.extend(str(line["uuid"]) for line in lines)
        return {"lines": len(lines) + (0 if before is None else int(str(before["lines"])))}

    history.write(prompt(1), prompt(2))
    bring_in(store, history)
    transcript = MAIN_TRANSCRIPT
    append_to_transcript(store, transcript, [prompt(3)], fold=fold)
    assert given == []
    [stored] = list_transcripts(store)
    assert summarise_transcript(store, stored, fold=fold) == {"lines": 3}
    append_to_transcript(store, transcript, [prompt(4)], fold=fold)
    [stored] = list_transcripts(store)
    assert summarise_transcript(store, stored, fold=fold) == {"lines": 4}
    assert given == ["uuid-1", "uuid-2", "uuid-3", "uuid-4"]


def test_summary_is_right_when_lines_come_between(store: AnyStore, history: History) -> None:
    """An import puts what was mirrored in its place, and the conversation goes on in the file."""
    append(store, *LINES[4:6])
    assert summaries(store) == {CLAUDE: folded(LINES[4:6])}
    history.write(*LINES)
    bring_in(store, history)
    assert summaries(store) == {CLAUDE: folded(LINES)}
    later = {**TITLE, "customTitle": "Later"}
    history.append(later)
    bring_in(store, history)
    assert summaries(store) == {CLAUDE: folded([*LINES, later])}


def test_a_host_says_which_session_it_is(store: AnyStore) -> None:
    session = create_session(store, project_path="/code/app", title="Ours")
    append(store, prompt(1), session_id=session.id)
    append(store, TITLE)
    assert only_session(store).title == "Ours"
    assert len(list(get_events_for_session(store, session.id))) == 2
    with pytest.raises(SessionNotFound):
        append(store, prompt(2), session_id="nobody")
    assert load(store) == [prompt(1), TITLE]


def test_redact_goes_over_what_is_mirrored(store: AnyStore) -> None:
    append(store, prompt(1), redact=lambda text: text.replace("prompt", "[redacted]"))
    assert load(store)[0]["message"]["content"] == "[redacted] 1"


def test_deleting_a_conversation_takes_its_session(store: AnyStore, history: History) -> None:
    """And is remembered: the file that is still there does not bring it back."""
    history.write(*LINES)
    bring_in(store, history)
    append(store, prompt(9), key=AGENT)
    delete(store)
    assert list(list_sessions(store)) == []
    assert bring_in(store, history) == 0
    append(store, prompt(20))
    assert load(store) == [prompt(20)]


def test_nothing_of_a_deleted_conversation_is_found_or_counted(store: AnyStore) -> None:
    """In a session that has another one, whose answer is of the same response."""
    session = create_session(store, project_path="/code/app")
    fork: SessionKey = {**KEY, "session_id": "fork"}
    more = {**ANSWER["message"], "usage": {"input_tokens": 3, "output_tokens": 9}}
    append(store, prompt(1), {**ANSWER, "message": more}, session_id=session.id)
    append(store, prompt(1), ANSWER, prompt(2), key=fork, session_id=session.id)
    assert (tokens(store), len(search_events(store, "mended").hits)) == ((3, 9), 2)
    delete(store)
    assert (tokens(store), len(search_events(store, "mended").hits)) == ((3, 7), 1)
    assert get_session_stats(store, session.id).events == {"user": 2, "assistant": 1}
    delete(store, fork)
    assert (tokens(store), len(search_events(store, "mended").hits)) == ((0, 0), 0)


def test_deleting_a_conversation_leaves_what_is_not_its_own(store: AnyStore) -> None:
    session = create_session(store, project_path="/code/app")
    append(store, prompt(1), session_id=session.id)
    delete(store)
    assert get_session(store, session.id).created_at == session.created_at
    append(store, prompt(1), key={**KEY, "session_id": "other"})
    job = create_job(store, type="prompt", memva_session_id="other")
    delete(store, {**KEY, "session_id": "other"})
    assert get_session(store, "other").id == "other"
    assert store.jobs.get(job.id) == job


def test_deleting_a_subagent_leaves_the_rest(store: AnyStore, history: History) -> None:
    append(store, prompt(1))
    append(store, prompt(2), key=AGENT)
    delete(store, AGENT)
    assert (load(store), load(store, AGENT)) == ([prompt(1)], None)


def test_nothing_appended_is_taken_for_what_a_deletion_left(store: AnyStore) -> None:
    """A session took the first of two equal lines with it."""
    session = create_session(store, project_path="/code/app")
    append(store, MODE, prompt(1))
    append(store, prompt(2), MODE, prompt(3), session_id=session.id)
    delete_session(store, CLAUDE)
    append(store, MODE, prompt(4), MODE)
    assert load(store) == [prompt(2), MODE, prompt(3), MODE, prompt(4), MODE]


def test_deleted_sessions_transcript_is_gone(store: AnyStore) -> None:
    append(store, *LINES)
    delete_session(store, CLAUDE)
    assert (load(store), listed(store), summaries(store)) == (None, {}, {})


def test_mirroring_makes_the_store_that_importing_makes(history: History, store: AnyStore) -> None:
    """But for the numbers of the lines, which the mirror does not know."""
    agent = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    history.write(*LINES)
    history.write(prompt(9), path=agent)
    bring_in(store, history)
    with MemoryStore() as mirrored:
        append(mirrored, *LINES)
        append(mirrored, prompt(9), key=AGENT)
        for item in (found := content(mirrored)):
            if "line" in item:
                item["line"] -= UNNUMBERED
        assert found == content(store)


def test_import_puts_what_was_mirrored_in_its_place(store: AnyStore, history: History) -> None:
    """The mirror may have begun in the middle of the conversation."""
    lines = [prompt(n) for n in range(9)]
    append(store, *lines[5:7], TITLE)
    append(store, lines[8])
    history.write(*lines[:5], *lines[5:7], TITLE, lines[7], lines[8])
    bring_in(store, history)
    found = store.transcripts.lines(MAIN_TRANSCRIPT, limit=100)
    assert [event.line for event in found] == list(range(1, 11))
    assert load(store) == [*lines[:7], TITLE, *lines[7:]]


def test_title_that_comes_after_what_was_mirrored_is_new(store: AnyStore, history: History) -> None:
    later = {**TITLE, "customTitle": "Later"}
    append(store, prompt(1), prompt(2), TITLE)
    history.write(prompt(1), prompt(2), TITLE, later)
    bring_in(store, history)
    assert only_session(store).title == "Later"
    history.write(prompt(1), prompt(2), TITLE, later, MODE)
    bring_in(store, history)
    assert only_session(store).title == "Later"
