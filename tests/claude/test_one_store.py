"""What the Agent SDK mirrors is memva's at once, and one with what is imported of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.claude.checks import check_transcripts
from tests.claude.conftest import Recording
from tests.claude.machine import Machine
from tests.claude.story import AGAIN, COUNT, COUNTED, DELEGATE, NOT_MIRRORED, TELL

from memva import (
    Event,
    get_events_for_session,
    get_session,
    get_session_stats,
    get_usage,
    import_transcripts,
    search_events,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore


@pytest.fixture
def store(heir: Machine) -> Iterator[SqliteStore]:
    with SqliteStore.open(heir.database) as opened:
        yield opened


def test_mirrored_conversation_is_a_session(store: SqliteStore, recording: Recording) -> None:
    session = get_session(store, recording.session_id)
    assert session.title == DELEGATE
    assert session.project_path == str(recording.machine.project)


def test_mirrored_words_are_found(store: SqliteStore) -> None:
    for words in (COUNT, COUNTED):
        assert len(search_events(store, words, is_sidechain=True)) == 1


def test_mirrored_tokens_are_those_that_the_api_told(
    store: SqliteStore, recording: Recording
) -> None:
    total = get_usage(store).total
    assert total == get_session_stats(store, recording.session_id).usage
    assert (total.responses, total.sidechain_responses) == (3, 1)
    assert total.usage == recording.api.usage()
    assert total.is_final


def test_import_adds_what_is_not_mirrored_alone(store: SqliteStore, recording: Recording) -> None:
    mirrored, usage = events(store, recording), get_usage(store)
    report = import_transcripts(store, TranscriptFiles(recording.machine.projects))
    together = events(store, recording)
    added = [event for key, event in together.items() if key not in mirrored]
    assert (report.sessions, report.problem_count) == (0, 0)
    assert {event.event_type for event in added} == NOT_MIRRORED
    assert [together[key].data for key in mirrored] == [event.data for event in mirrored.values()]
    assert get_usage(store) == usage


def test_import_puts_what_was_mirrored_in_the_order_of_its_files(
    store: SqliteStore, recording: Recording
) -> None:
    import_transcripts(store, TranscriptFiles(recording.machine.projects))
    check_transcripts(store, recording.machine)


def test_import_beside_a_host_doubles_nothing(machine: Machine) -> None:
    machine.connection(TELL, DELEGATE, AGAIN)
    with SqliteStore.open(machine.database) as store:
        check_transcripts(store, machine)


def events(store: SqliteStore, recording: Recording) -> dict[Any, Event]:
    return {event.key: event for event in get_events_for_session(store, recording.session_id)}
