"""A conversation goes on from what memva keeps, with nothing left that Claude Code wrote."""

import pytest
from tests.claude.checks import agent_of, check_agent_goes_on, check_goes_on
from tests.claude.conftest import Recording
from tests.claude.machine import Machine
from tests.claude.stand_in import StandIn
from tests.claude.story import AGAIN, ASK_AGENT, DELEGATE, FOUND_TOOL, asks

from memva import get_events_for_session, get_usage
from memva.adapters.sqlite import SqliteStore
from memva.domain.prompts import prompt_text


def test_conversation_goes_on_with_its_files_deleted(machine: Machine, api: StandIn) -> None:
    session_id = machine.host(DELEGATE)
    machine.forget()
    assert machine.host(AGAIN, resume=session_id) == session_id
    check_goes_on(api)
    assert not machine.projects.exists()


def test_what_it_went_on_with_is_kept(heir: Machine, recording: Recording, api: StandIn) -> None:
    heir.host(AGAIN, resume=recording.session_id)
    with SqliteStore.open(heir.database) as store:
        events = list(get_events_for_session(store, recording.session_id))
        total = get_usage(store).total
    [prompt] = [event for event in events if prompt_text(event) == AGAIN]
    assert prompt.parent_uuid in {event.uuid for event in events}
    assert total.usage == recording.api.usage() + api.usage()


def test_subagent_goes_on(heir: Machine, recording: Recording, api: StandIn) -> None:
    api.script[FOUND_TOOL] = asks(agent_of(recording), AGAIN)
    heir.host(ASK_AGENT, resume=recording.session_id)
    check_agent_goes_on(api)


def test_fork_goes_on(heir: Machine, recording: Recording, api: StandIn) -> None:
    fork = heir.host(AGAIN, resume=recording.session_id, fork=True)
    check_goes_on(api)
    again = heir.host(AGAIN, resume=fork)
    assert again == fork != recording.session_id


def test_nothing_goes_on_without_memva(heir: Machine, recording: Recording) -> None:
    with pytest.raises(RuntimeError, match="No conversation found"):
        heir.claude(AGAIN, "--resume", recording.session_id)
