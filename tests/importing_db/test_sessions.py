"""What a session of the TypeScript Memva becomes, from a schema of any age."""

from __future__ import annotations

from typing import Any

import pytest
from tests.importing_db.conftest import AGES, Seed, at, imported, only_session

from memva import Store, get_session, list_sessions, update_session
from memva.domain import from_text


@pytest.mark.parametrize("age", AGES)
def test_every_age_is_read(store: Store, seed: Seed, age: str) -> None:
    seed.make(AGES[age]).session().event()
    report = imported(store, seed)
    assert (report.sessions, report.events.added, report.problems) == (1, 1, ())
    session = only_session(store)
    assert (session.id, session.title, session.title_origin) == ("s1", "Fix the login", "host")
    assert (session.project_path, session.status) == ("/code/app", "active")
    assert (session.created_at, session.updated_at) == (from_text(at(0)), from_text(at(30)))
    assert (session.metadata, session.archived_at) == (None, None)


@pytest.mark.parametrize(
    ("there", "status", "archived"),
    [
        ("active", "active", False),
        ("archived", "active", True),
        ("completed", "completed", False),
        ("error", "error", False),
    ],
)
def test_status(store: Store, seed: Seed, there: str, status: str, archived: bool) -> None:
    seed.make().session(status=there)
    imported(store, seed)
    session = only_session(store)
    assert session.status == status
    assert session.archived_at == (session.updated_at if archived else None)
    assert session.metadata is None


@pytest.mark.parametrize(
    ("there", "with_events", "status", "kept"),
    [
        ("not_started", True, "not_started", None),
        ("completed", False, "completed", None),
        ("error", True, "error", None),
        ("processing", True, "completed", {"claude_status": "processing"}),
        ("dreaming", False, "not_started", {"claude_status": "dreaming"}),
        (None, True, "completed", None),
        (None, False, "not_started", None),
    ],
)
def test_claude_status(
    store: Store, seed: Seed, there: str | None, with_events: bool, status: str, kept: Any
) -> None:
    seed.make().session(claude_status=there)
    if with_events:
        seed.event(memva_session_id="s1")
    imported(store, seed)
    session = only_session(store)
    assert session.claude_status == status
    assert session.metadata == (kept and {"typescript_memva": kept})


def test_what_has_no_field_stands_in_the_metadata(store: Store, seed: Seed) -> None:
    seed.make().run("ALTER TABLE sessions ADD COLUMN colour TEXT")
    seed.session(
        metadata={"claude_session_id": "c", "pinned": True},
        settings={"maxTurns": 7},
        colour="red",
        status="sleeping",
    )
    imported(store, seed)
    assert only_session(store).metadata == {
        "claude_session_id": "c",
        "pinned": True,
        "typescript_memva": {"settings": {"maxTurns": 7}, "colour": "red", "status": "sleeping"},
    }


@pytest.mark.parametrize(
    ("there", "kept"),
    [("{torn", "{torn"), ("[1]", [1]), ('"text"', "text"), ("9" * 5000, "9" * 5000)],
)
def test_metadata_that_is_no_object_is_kept(
    store: Store, seed: Seed, there: str, kept: Any
) -> None:
    seed.make().session(metadata=there)
    report = imported(store, seed)
    assert only_session(store).metadata == {"typescript_memva": {"metadata": kept}}
    assert report.problem_count == (kept == there)


def test_metadata_with_the_same_key_is_kept(store: Store, seed: Seed) -> None:
    seed.make().session(metadata={"typescript_memva": 1}, settings={})
    imported(store, seed)
    assert only_session(store).metadata == {
        "typescript_memva": {"settings": {}, "metadata": {"typescript_memva": 1}}
    }


def test_odd_text_is_kept(store: Store, seed: Seed) -> None:
    seed.make().session(title="a\x00b", project_path="/Ω")
    imported(store, seed)
    session = only_session(store)
    assert (session.title, session.project_path) == ("a\N{REPLACEMENT CHARACTER}b", "/Ω")
    assert session.metadata == {"typescript_memva": {"title": "a\x00b"}}


def test_times_without_a_zone_are_of_utc(store: Store, seed: Seed) -> None:
    seed.make().session(created_at="2025-05-01 10:00:00", updated_at="2025-05-01T12:00:00+01:00")
    imported(store, seed)
    session = only_session(store)
    assert session.created_at == from_text("2025-05-01T10:00:00Z")
    assert session.updated_at == from_text("2025-05-01T11:00:00Z")


def test_bad_row_keeps_none_back(store: Store, seed: Seed) -> None:
    seed.make().session("bad", created_at="yesterday", updated_at="").session(" ").session("good")
    report = imported(store, seed)
    assert [session.id for session in list_sessions(store)] == ["good"]
    assert sorted((problem.table, problem.id) for problem in report.problems) == [
        ("sessions", " "),
        ("sessions", "bad"),
    ]
    assert "yesterday" not in str(report.problems)


def test_session_that_is_there_stays_as_the_host_made_it(store: Store, seed: Seed) -> None:
    seed.make().session(metadata={"a": 1})
    imported(store, seed)
    changed = update_session(store, "s1", title=None, metadata=None, status="completed")
    seed.session(metadata={"a": 2}, title="New there")
    report = imported(store, seed)
    assert (report.sessions, report.known_sessions) == (0, 1)
    assert get_session(store, "s1") == changed


def test_session_that_went_on_there_moves_up(store: Store, seed: Seed) -> None:
    seed.make().session()
    imported(store, seed)
    seed.session(updated_at="2100-01-01T00:00:00.000Z")
    imported(store, seed)
    assert only_session(store).updated_at == from_text("2100-01-01T00:00:00Z")


def test_redact_goes_over_every_text(store: Store, seed: Seed) -> None:
    seed.make().session(title="sk-1", project_path="/sk-1", metadata={"sk-1": ["sk-1"]})
    imported(store, seed, redact=lambda text: text.replace("sk-1", "[key]"))
    session = only_session(store)
    assert (session.title, session.project_path) == ("[key]", "/[key]")
    assert session.metadata == {"[key]": ["[key]"]}
