"""Machines with Claude Code on them, and the stand-in that it talks to."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.claude.machine import CLAUDE, Machine
from tests.claude.stand_in import StandIn
from tests.claude.story import DELEGATE, SCRIPT


class Recording(NamedTuple):
    """A conversation that a host has had through the Agent SDK; its files are still there."""

    machine: Machine
    session_id: str
    api: StandIn


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.claude)


@pytest.fixture(scope="session", autouse=True)
def _bundled() -> None:
    assert CLAUDE.is_file(), "the Agent SDK's wheel for this platform brings no claude"


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Have a conversation once for all; what it left is for reading only."""
    with StandIn(SCRIPT) as api:
        machine = Machine(tmp_path_factory.mktemp("recording"), api.url)
        return Recording(machine, machine.host(DELEGATE), api)


@pytest.fixture
def api() -> Iterator[StandIn]:
    with StandIn(SCRIPT) as stand_in:
        yield stand_in


@pytest.fixture
def machine(tmp_path: Path, api: StandIn) -> Machine:
    """Return a machine without any history."""
    return Machine(tmp_path, api.url)


@pytest.fixture
def heir(tmp_path: Path, api: StandIn, recording: Recording) -> Machine:
    """Return a machine that has of the recording its project and memva's database alone."""
    machine = Machine(tmp_path, api.url, project=recording.machine.project)
    shutil.copy(recording.machine.database, machine.database)
    return machine
