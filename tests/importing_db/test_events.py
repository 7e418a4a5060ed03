"""What an event of the TypeScript Memva becomes, and which conversation it belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from tests.importing_db.conftest import (
    AGES,
    CLAUDE,
    Seed,
    all_events,
    answer,
    at,
    imported,
    only_event,
)

from memva import (
    Store,
    create_session,
    get_claude_sessions_for_session,
    get_events_for_session,
    get_latest_claude_session_id,
)
from memva.domain import from_text
from memva.domain.prompts import prompt_text

KEPT = "typescript_memva"


def test_event_keeps_all_that_it_has(store: Store, seed: Seed) -> None:
    seed.make().run("ALTER TABLE events ADD COLUMN mood TEXT").session()
    seed.said("row-1", 1, "own-1", memva_session_id="s1", visible=0, mood="calm")
    imported(store, seed)
    event = only_event(store)
    assert (event.uuid, event.session_id, event.event_type) == ("own-1", CLAUDE, "assistant")
    assert (event.timestamp, event.line) == (from_text(at(1)), 0)
    assert (event.cwd, event.project_name, event.project_key) == ("/code/app", "app", "-code-app")
    assert event.memva_session_id == "s1"
    assert event.data == {
        **answer("own-1"),
        KEPT: {"uuid": "row-1", "visible": 0, "mood": "calm"},
    }


def test_prompt_that_memva_noted_itself_is_one(store: Store, seed: Seed) -> None:
    seed.make(AGES["associated"]).session().event(memva_session_id="s1")
    imported(store, seed)
    event = only_event(store)
    assert prompt_text(event) == "prompt row-1"
    assert event.data == {
        "type": "user",
        "content": "prompt row-1",
        "message": {"role": "user", "content": "prompt row-1"},
    }


@pytest.mark.parametrize(
    ("there", "kept", "problems"),
    [
        ("{torn", {KEPT: {"data": "{torn", "visible": 1}}, 1),
        ("[NaN]", {KEPT: {"data": "[NaN]", "visible": 1}}, 1),
        ("[1, 2]", {KEPT: {"data": [1, 2], "visible": 1}}, 0),
        (
            '{"typescript_memva": 1}',
            {KEPT: {"data": {KEPT: 1}, "visible": 1}},
            0,
        ),
        ('{"a": "\\u0000\\ud800"}', {"a": "\x00\ud800", KEPT: {"visible": 1}}, 0),
        (b'{"a": 1}', {"a": 1, KEPT: {"visible": 1}}, 0),
    ],
)
def test_any_data_is_kept(store: Store, seed: Seed, there: Any, kept: Any, problems: int) -> None:
    seed.make().event(data=there)
    report = imported(store, seed)
    assert only_event(store).data == kept
    assert report.problem_count == problems


def test_json_too_deep_is_kept_as_text(store: Store, seed: Seed) -> None:
    deep = "[" * 500 + "]" * 500
    seed.make(AGES["first"]).event(data=deep)
    report = imported(store, seed)
    assert only_event(store).data == {KEPT: {"data": deep}}
    assert "nested too deep" in report.problems[0].reason


@pytest.mark.parametrize(
    "type_", ["user", "assistant", "system", "result", "summary", "error", "user_cancelled", "Ω"]
)
def test_any_type_is_kept(store: Store, seed: Seed, type_: str) -> None:
    seed.make().event(event_type=type_, data={})
    imported(store, seed)
    assert only_event(store).event_type == type_


def test_bad_rows_keep_none_back(store: Store, seed: Seed) -> None:
    seed.make().event("bad", timestamp="soon").event("good").event("", 3)
    report = imported(store, seed)
    assert [event.uuid for event in all_events(store)] == ["good"]
    assert {(problem.table, problem.id) for problem in report.problems} == {
        ("events", "bad"),
        ("events", ""),
    }


def test_time_may_stand_in_the_message(store: Store, seed: Seed) -> None:
    seed.make().event(timestamp="", data={"timestamp": at(9)})
    imported(store, seed)
    assert only_event(store).timestamp == from_text(at(9))


def test_order_is_that_of_time_not_of_storing(store: Store, seed: Seed) -> None:
    seed.make().session()
    for second in (5, 1, 4, 2, 3):
        seed.event(f"row-{second}", second, memva_session_id="s1")
    imported(store, seed)
    found = [event.uuid for event in get_events_for_session(store, "s1")]
    assert found == [f"row-{second}" for second in range(1, 6)]


def test_parents_are_found_under_their_new_uuids(store: Store, seed: Seed) -> None:
    seed.make().session()
    seed.event("row-1", 1)
    seed.said("row-2", 2, "own-2", parent_uuid="row-1")
    seed.said("row-3", 3, "own-3", parent_uuid="row-2")
    seed.said("row-4", 4, "own-4", parent_uuid="row-5")
    seed.said("row-5", 5, "own-5", parent_uuid="nowhere")
    imported(store, seed)
    parents = {event.uuid: event.parent_uuid for event in all_events(store)}
    assert parents == {
        "row-1": None,
        "own-2": "row-1",
        "own-3": "own-2",
        "own-4": "own-5",
        "own-5": "nowhere",
    }
    kept = {event.uuid: event.data.get(KEPT) for event in all_events(store)}
    assert kept["own-3"] == {"uuid": "row-3", "visible": 1, "parent_uuid": "row-2"}
    assert kept["own-2"] == {"uuid": "row-2", "visible": 1}


def test_subagents_are_told_apart(store: Store, seed: Seed) -> None:
    seed.make().event("row-1", is_sidechain=1)
    seed.event("row-2", data={**answer("own-2"), "parent_tool_use_id": "toolu_1"})
    seed.event("row-3")
    imported(store, seed)
    assert {event.uuid: event.is_sidechain for event in all_events(store)} == {
        "row-1": True,
        "own-2": True,
        "row-3": False,
    }


def test_old_rows_come_to_the_session_that_claims_their_conversation(
    store: Store, seed: Seed
) -> None:
    seed.make(AGES["first"]).event("mine", 1).event("nobodys", 2, session_id="other")
    seed.session("later", created_at=at(9), metadata={"claude_session_id": CLAUDE})
    seed.session("s1", metadata={"claude_session_id": CLAUDE})
    imported(store, seed)
    sessions = {event.uuid: event.memva_session_id for event in all_events(store)}
    assert sessions == {"mine": "s1", "nobodys": None}


def test_row_without_a_conversation_gets_that_of_its_session(store: Store, seed: Seed) -> None:
    seed.make().session()
    seed.event("begins", 1, session_id="", memva_session_id="s1")
    seed.said("row-2", 2, "own-2", memva_session_id="s1")
    seed.event("goes-on", 3, session_id="", memva_session_id="s1")
    imported(store, seed)
    assert {event.session_id for event in all_events(store)} == {CLAUDE}
    assert get_claude_sessions_for_session(store, "s1") == [CLAUDE]
    assert get_latest_claude_session_id(store, "s1") == CLAUDE


def test_row_goes_to_the_conversation_before_it(store: Store, seed: Seed) -> None:
    seed.make().session()
    seed.event("a", 1, session_id="one", memva_session_id="s1")
    seed.event("b", 2, session_id="two", memva_session_id="s1")
    seed.event("c", 3, session_id="", memva_session_id="s1")
    imported(store, seed)
    assert {event.uuid: event.session_id for event in all_events(store)}["c"] == "two"


def test_conversation_that_nobody_names_has_an_id_that_says_so(store: Store, seed: Seed) -> None:
    seed.make().session()
    seed.event("a", 1, session_id="", memva_session_id="s1").event("b", 2, session_id=" ")
    imported(store, seed)
    assert {event.uuid: event.session_id for event in all_events(store)} == {
        "a": "typescript-memva:s1",
        "b": "typescript-memva",
    }


def test_row_stays_where_it_was_when_its_conversation_becomes_known(
    store: Store, seed: Seed
) -> None:
    seed.make().session().event("a", 1, session_id="", memva_session_id="s1")
    imported(store, seed)
    seed.said("b", 2, "own-2", memva_session_id="s1")
    report = imported(store, seed)
    assert (report.events.added, report.events.unchanged) == (1, 1)
    assert len(all_events(store)) == 2


def test_claude_codes_own_session_comes_first(store: Store, seed: Seed) -> None:
    seed.make(AGES["first"]).said("row-1", 1, "own-1", session_id="another")
    imported(store, seed)
    event = only_event(store)
    assert event.session_id == CLAUDE
    assert event.data[KEPT] == {"uuid": "row-1", "session_id": "another"}


def test_event_of_a_session_that_is_not_there_is_kept_without_one(store: Store, seed: Seed) -> None:
    seed.make(AGES["associated"])
    seed.event("a", 1, memva_session_id="gone").event("b", 2, memva_session_id="gone")
    report = imported(store, seed)
    assert [event.memva_session_id for event in all_events(store)] == [None, None]
    assert all_events(store)[0].data[KEPT] == {"memva_session_id": "gone"}
    [problem] = report.problems
    assert (problem.table, problem.id) == ("events", "a")


def test_session_of_the_hosts_own_is_filled(store: Store, seed: Seed) -> None:
    create_session(store, id="s1", project_path="/mine", title="Mine")
    seed.make().session().event(memva_session_id="s1")
    imported(store, seed)
    [event] = get_events_for_session(store, "s1")
    assert event.uuid == "row-1"


def test_permission_request_becomes_an_event(store: Store, seed: Seed) -> None:
    seed.make().session().event(memva_session_id="s1", session_id=CLAUDE)
    request = {
        "id": "p1",
        "session_id": "s1",
        "tool_name": "Bash",
        "tool_use_id": "toolu_1",
        "input": {"command": "ls"},
        "status": "pending",
        "created_at": at(5),
    }
    seed.put("permission_requests", **request)
    report = imported(store, seed)
    assert (report.permission_requests.added, report.events.added) == (1, 1)
    event = all_events(store)[-1]
    assert (event.uuid, event.event_type) == ("p1", "permission_request")
    assert (event.session_id, event.memva_session_id) == (CLAUDE, "s1")
    assert event.timestamp == from_text(at(5))
    assert event.data == {"type": "permission_request", **request}

    seed.put("permission_requests", **{**request, "status": "expired"})
    assert imported(store, seed).permission_requests.replaced == 1
    assert all_events(store)[-1].data["status"] == "expired"
    assert imported(store, seed).permission_requests.unchanged == 1


@pytest.mark.parametrize("named", ["s1", CLAUDE])
def test_permission_request_may_name_either_session(store: Store, seed: Seed, named: str) -> None:
    seed.make().session().event(memva_session_id="s1")
    seed.put("permission_requests", id="p1", session_id=named, status="x", created_at=at(5))
    report = imported(store, seed)
    event = all_events(store)[-1]
    assert (event.session_id, event.memva_session_id) == (CLAUDE, "s1")
    assert report.problems == ()
    assert imported(store, seed).permission_requests.unchanged == 1


def test_settings_become_an_event(store: Store, seed: Seed) -> None:
    seed.make().put("settings", id="singleton", config={"maxTurns": 200})
    assert imported(store, seed).settings.added == 1
    event = only_event(store)
    assert (event.event_type, event.memva_session_id) == ("typescript_memva_settings", None)
    assert event.data["config"] == {"maxTurns": 200}
    report = imported(store, seed)
    assert (report.settings.added, report.settings.unchanged) == (0, 1)
    seed.put("settings", id="singleton", config={"maxTurns": 300})
    assert imported(store, seed).settings.added == 1


def test_unknown_tables_are_told(store: Store, seed: Seed) -> None:
    seed.make().run("CREATE TABLE moods (id TEXT)", "INSERT INTO moods VALUES ('a'), ('b')")
    assert imported(store, seed).unknown_tables == {"moods": 2}


def test_redact_goes_over_every_text(store: Store, seed: Seed) -> None:
    seed.make().event(data={"type": "user", "content": "sk-1"}, cwd="/sk-1")
    seed.put("settings", id="singleton", config={"key": "sk-1"})
    seed.put("permission_requests", id="p", input={"a": "sk-1"}, created_at=at(1), status="x")
    imported(store, seed, redact=lambda text: text.replace("sk-1", "[key]"))
    for event in all_events(store):
        assert "sk-1" not in str((event.data, event.cwd))
        assert "[key]" in str(event.data)
