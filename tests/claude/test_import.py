"""What the real Claude Code writes is imported whole, found and counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.claude.checks import check_transcripts
from tests.claude.machine import Machine
from tests.claude.stand_in import StandIn
from tests.claude.story import COUNT, COUNTED, DELEGATE, TELL

from memva import (
    get_session_stats,
    get_usage,
    import_transcripts,
    search_events,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path / "imported.db") as opened:
        yield opened


def test_every_line_is_kept_once_while_a_conversation_grows(
    machine: Machine, store: SqliteStore
) -> None:
    session_id = machine.claude(DELEGATE)[-1]["session_id"]
    first = import_transcripts(store, TranscriptFiles(machine.projects))
    machine.claude(TELL, "--resume", session_id)
    second = import_transcripts(store, TranscriptFiles(machine.projects))
    assert (first.problem_count, second.problem_count) == (0, 0)
    check_transcripts(store, machine)


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


def test_tokens_of_a_fork_are_counted_once(
    machine: Machine, store: SqliteStore, api: StandIn
) -> None:
    session_id = machine.claude(DELEGATE)[-1]["session_id"]
    fork = machine.claude(TELL, "--resume", session_id, "--fork-session")[-1]["session_id"]
    import_transcripts(store, TranscriptFiles(machine.projects))
    assert fork != session_id
    assert get_usage(store).total.usage == api.usage()
