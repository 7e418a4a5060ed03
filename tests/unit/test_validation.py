"""Entities refuse what they cannot be, and say which field, which value and why."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from memva import (
    EventNotFound,
    IllegalTransition,
    InvalidValue,
    SessionNotFound,
    Transcript,
    check_store,
    export_all_transcripts,
    export_transcripts,
    import_memva_database,
    import_transcripts,
    watch_transcripts,
)
from memva.adapters.memory import MemoryStore
from memva.domain.event import EventKey
from memva.testing import sample_event, sample_job, sample_session

NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("make", "field", "value"),
    [
        (sample_session, "id", ""),
        (sample_session, "id", "  \n"),
        (sample_session, "id", "a\x00b"),
        (sample_session, "id", "\ud800"),
        (sample_session, "id", 7),
        (sample_session, "id", None),
        (sample_session, "title", "a\x00b"),
        (sample_session, "title", 7),
        (sample_session, "created_at", NAIVE),
        (sample_session, "created_at", "2026-01-01"),
        (sample_session, "created_at", None),
        (sample_session, "updated_at", datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))),
        (sample_session, "archived_at", NAIVE),
        (sample_session, "status", "archived"),
        (sample_session, "claude_status", None),
        (sample_session, "project_path", None),
        (sample_session, "metadata", [1]),
        (sample_event, "uuid", ""),
        (sample_event, "session_id", " "),
        (sample_event, "event_type", "\t"),
        (sample_event, "event_type", "a\x00"),
        (sample_event, "timestamp", NAIVE),
        (sample_event, "is_sidechain", 1),
        (sample_event, "parent_uuid", ""),
        (sample_event, "cwd", "\udfff"),
        (sample_event, "data", None),
        (sample_event, "data", "text"),
        (sample_event, "line", -1),
        (sample_event, "line", True),
        (sample_event, "position", 2**63),
        (sample_job, "type", ""),
        (sample_job, "status", "running"),
        (sample_job, "priority", 1.5),
        (sample_job, "priority", 2**63),
        (sample_job, "attempts", -1),
        (sample_job, "max_attempts", 0),
        (sample_job, "error", "\x00"),
        (sample_job, "timeout", timedelta(0)),
        (sample_job, "timeout", 5),
        (sample_job, "scheduled_at", NAIVE),
        (sample_job, "concurrency_key", ""),
    ],
)
def test_field_is_refused_by_name(make: Callable[..., object], field: str, value: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        make(**{field: value})
    assert caught.value.field == field
    assert caught.value.value is value or caught.value.value == value
    assert str(caught.value).startswith(f"{field} must ")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("path", ["history", Path("history")])
@pytest.mark.parametrize(
    ("field", "call"),
    [
        ("source", import_transcripts),
        ("source", watch_transcripts),
        ("source", import_memva_database),
        ("source", lambda store, path: check_store(store, source=path)),
        ("sink", export_all_transcripts),
        ("sink", lambda store, path: export_transcripts(store, "session-1", path)),
    ],
)
def test_path_is_not_what_reads_or_writes_there(
    field: str, call: Callable[[Any, Any], object], path: Any
) -> None:
    with MemoryStore() as store, pytest.raises(InvalidValue) as caught:
        call(store, path)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} must be what an adapter makes of a path")


def test_aware_times_become_utc() -> None:
    there = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    session = sample_session(created_at=there)
    assert session.created_at.tzinfo is UTC
    assert session.created_at.hour == 10


def test_entities_are_frozen_and_hashable() -> None:
    entities: list[Any] = [sample_session(metadata={"a": [1]}), sample_event(), sample_job()]
    for entity in entities:
        assert len({entity, entity}) == 1
        with pytest.raises(AttributeError):
            entity.created_at = "other"


def test_long_values_are_shown_short() -> None:
    assert len(str(InvalidValue("title", "x" * 10_000, "must be short"))) < 120
    assert str(InvalidValue("n", 10**5_000, "must be small")) == "n must be small, not a int"


@pytest.mark.parametrize(
    "error",
    [
        InvalidValue("id", "", "must not be blank"),
        SessionNotFound("s"),
        EventNotFound(EventKey(Transcript("p", "s", ""), "u")),
        IllegalTransition("j", "completed", "failed"),
    ],
)
def test_errors_cross_processes(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
