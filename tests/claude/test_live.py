"""What is recorded while the real Claude Code says it is one with what it writes down."""

from collections.abc import Iterator

import pytest
from tests.claude.checks import check_transcripts
from tests.claude.machine import Machine, Message
from tests.claude.stand_in import StandIn
from tests.claude.story import AGAIN, DELEGATE, TELL

from memva import (
    Session,
    create_session,
    get_claude_sessions_for_session,
    get_events_for_session,
    get_latest_claude_session_id,
    get_session,
    get_usage,
    import_transcripts,
    list_sessions,
    record_message,
    record_prompt,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore
from memva.domain.ids import new_id
from memva.domain.prompts import prompt_text
from memva.domain.stream import prompt_object


@pytest.fixture
def store(machine: Machine) -> Iterator[SqliteStore]:
    with SqliteStore.open(machine.database) as opened:
        yield opened


@pytest.fixture
def session(machine: Machine, store: SqliteStore) -> Session:
    return create_session(store, project_path=str(machine.project), title="Mine")


def test_streamed_mirrored_and_imported_are_one(
    machine: Machine, store: SqliteStore, session: Session, api: StandIn
) -> None:
    machine.host(DELEGATE, session=session.id)
    check_one(store, session, machine, api)


def test_streamed_and_imported_are_one(
    machine: Machine, store: SqliteStore, session: Session, api: StandIn
) -> None:
    record(store, session, machine.claude(DELEGATE))
    check_one(store, session, machine, api)


def test_recorded_prompt_is_the_one_that_is_answered(
    machine: Machine, store: SqliteStore, session: Session, api: StandIn
) -> None:
    first = record_prompt(store, session.id, TELL)
    begin = ("--session-id", first.event.session_id)
    record(store, session, machine.converse([first.message], *begin))
    second = record_prompt(store, session.id, AGAIN)
    go_on = ("--resume", second.event.session_id)
    record(store, session, machine.converse([second.message], *go_on))
    assert (first.begins, second.begins) == (True, False)
    check_one(store, session, machine, api)
    asked = [
        event.uuid
        for event in get_events_for_session(store, session.id)
        if prompt_text(event) is not None
    ]
    assert asked == [first.event.uuid, second.event.uuid]


def test_cleared_conversation_stays_one_session(
    machine: Machine, store: SqliteStore, session: Session, api: StandIn
) -> None:
    prompts = [
        prompt_object(words, claude_session_id="", uuid=new_id())
        for words in (TELL, "/clear", AGAIN)
    ]
    messages = machine.converse(prompts)
    record(store, session, messages)
    check_one(store, session, machine, api)
    before, after = messages[0]["session_id"], messages[-1]["session_id"]
    assert get_claude_sessions_for_session(store, session.id) == [before, after]
    assert get_latest_claude_session_id(store, session.id) == after


def record(store: SqliteStore, session: Session, messages: list[Message]) -> None:
    for message in messages:
        record_message(store, session.id, message)


def check_one(store: SqliteStore, session: Session, machine: Machine, api: StandIn) -> None:
    """Check that an import makes what was recorded whole, and doubles nothing."""
    assert get_session(store, session.id).claude_status == "completed"
    assert import_transcripts(store, TranscriptFiles(machine.projects)).sessions == 0
    check_transcripts(store, machine)
    events = get_events_for_session(store, session.id)
    streamed_alone = {event.event_type for event in events if not event.line}
    assert "result" in streamed_alone
    assert streamed_alone.isdisjoint({"user", "assistant"})
    assert [found.id for found in list_sessions(store)] == [session.id]
    assert get_usage(store).total.usage == api.usage()
