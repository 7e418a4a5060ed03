"""A machine of its own for every test, and the stand-in that its Claude Code talks to."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.claude.machine import CLAUDE, Machine
from tests.claude.stand_in import StandIn
from tests.claude.story import SCRIPT

from memva.adapters.sqlite import SqliteStore


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.claude)


@pytest.fixture
def api() -> Iterator[StandIn]:
    with StandIn(SCRIPT) as stand_in:
        yield stand_in


@pytest.fixture
def machine(tmp_path: Path, api: StandIn) -> Machine:
    assert CLAUDE.is_file(), "the Agent SDK's wheel for this platform brings no claude"
    return Machine(tmp_path, api.url)


@pytest.fixture
def store(machine: Machine) -> Iterator[SqliteStore]:
    with SqliteStore.open(machine.database) as opened:
        yield opened
