"""The real Claude Code goes on from what memva exports; nobody needs memva to have it back."""

import pytest
from tests.claude.checks import agent_of, check_agent_goes_on, check_goes_on, check_transcripts
from tests.claude.conftest import Recording
from tests.claude.machine import Machine
from tests.claude.stand_in import StandIn
from tests.claude.story import AGAIN, ASK_AGENT, FOUND_TOOL, NOT_MIRRORED, asks

from memva.adapters.sqlite import SqliteStore


@pytest.fixture
def importer(heir: Machine, recording: Recording) -> Machine:
    """Return a machine whose memva has imported the recording's files."""
    heir.database.unlink()
    heir.memva("import", recording.machine.projects)
    return heir


def test_mirrored_conversation_is_exported_as_it_was_written(
    heir: Machine, recording: Recording
) -> None:
    heir.memva("export", recording.session_id, heir.projects)
    assert heir.conversations() == {
        name: [line for line in lines if line.get("type") not in NOT_MIRRORED]
        for name, lines in recording.machine.conversations().items()
    }


def test_imported_conversation_is_exported_as_it_was_written(
    importer: Machine, recording: Recording
) -> None:
    importer.memva("export", recording.session_id, importer.projects)
    assert importer.conversations() == recording.machine.conversations()


def test_mirrored_and_imported_conversation_is_exported_as_it_was_written(
    heir: Machine, recording: Recording
) -> None:
    heir.memva("import", recording.machine.projects)
    heir.memva("export", recording.session_id, heir.projects)
    assert heir.conversations() == recording.machine.conversations()


def test_mirrored_conversation_goes_on_from_its_export(
    heir: Machine, recording: Recording, api: StandIn
) -> None:
    heir.memva("export", recording.session_id, heir.projects)
    goes_on(heir, recording, api)


def test_imported_conversation_goes_on_from_its_export(
    importer: Machine, recording: Recording, api: StandIn
) -> None:
    importer.memva("export", "--all", importer.configuration)
    goes_on(importer, recording, api)


def test_subagent_goes_on_from_its_export(
    heir: Machine, recording: Recording, api: StandIn
) -> None:
    heir.memva("export", "--all", heir.configuration)
    api.script[FOUND_TOOL] = asks(agent_of(recording), AGAIN)
    heir.claude(ASK_AGENT, "--resume", recording.session_id)
    check_agent_goes_on(api)


def goes_on(machine: Machine, recording: Recording, api: StandIn) -> None:
    [*_, result] = machine.claude(AGAIN, "--resume", recording.session_id)
    check_goes_on(api)
    assert result["session_id"] == recording.session_id
    machine.memva("import", machine.projects)
    with SqliteStore.open(machine.database) as store:
        check_transcripts(store, machine)
