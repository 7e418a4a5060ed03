"""Every line is kept, in its place, with what it lacks; what cannot be read is reported."""

import json
from typing import Any

import pytest
from tests.importing.conftest import CLAUDE, History, events, only_session

from memva import (
    InvalidValue,
    Redact,
    Store,
    create_session,
    import_transcripts,
    list_sessions,
    record_event,
)
from memva.adapters.claude_code import TranscriptFiles


def imported(store: Store, history: History) -> Any:
    return import_transcripts(store, TranscriptFiles(history.root))


def test_conversation_becomes_a_session(store: Store, history: History) -> None:
    history.write(history.line(1), history.line(2, parentUuid="uuid-1"))
    report = imported(store, history)
    assert (report.sessions, report.events.added, report.problem_count) == (1, 2, 0)
    session = only_session(store)
    assert (session.id, session.title, session.project_path) == (CLAUDE, "prompt 1", "/code/app")
    assert (session.status, session.claude_status) == ("active", "completed")
    first, second = events(store)
    assert session.created_at == first.timestamp
    assert session.updated_at == second.timestamp
    assert second.parent_uuid == "uuid-1"
    assert second.data == history.line(2, parentUuid="uuid-1")
    assert (second.project_key, second.session_id, second.line) == ("-code-app", CLAUDE, 2)
    assert (second.cwd, second.project_name) == ("/code/app", "app")


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 131_072, 200_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_long_line_is_kept(store: Store, history: History, length: int, end: str) -> None:
    long = json.dumps(history.line(2, text="x" * length))
    history.write(history.line(1), long[:-1] + end)
    report = imported(store, history)
    assert (report.unfinished, report.problem_count) == ((0, 1) if end else (1, 0))
    history.write(history.line(1), long + (end or "\n"), history.line(3))
    imported(store, history)
    assert [event.uuid for event in events(store)] == ["uuid-1", "uuid-2", "uuid-3"]
    assert events(store)[1].data["text"] == "x" * length


def test_line_takes_from_the_line_before_what_it_lacks(store: Store, history: History) -> None:
    history.write(
        {"type": "mode", "mode": "a"},
        history.line(1),
        {"type": "mode", "mode": "b"},
        history.line(2, cwd="/code/other", timestamp="no time"),
        {"no": "type"},
    )
    imported(store, history)
    kept = events(store)
    assert [event.event_type for event in kept] == ["mode", "user", "mode", "user", "unknown"]
    assert {event.timestamp.second for event in kept} == {1}
    assert [event.cwd for event in kept] == ["/code/app"] * 3 + ["/code/other"] * 2


def test_transcript_without_any_time_goes_by_its_files(store: Store, history: History) -> None:
    path = history.write({"type": "mode", "sessionId": CLAUDE})
    imported(store, history)
    [event] = events(store)
    assert event.timestamp.timestamp() == pytest.approx(path.stat().st_mtime, abs=0.001)


def test_equal_lines_without_uuid_stay_apart(store: Store, history: History) -> None:
    mode = {"type": "mode", "mode": "plan"}
    history.write(mode, history.line(1), mode, {"mode": "plan", "type": "mode"}, history.line(2))
    imported(store, history)
    assert [event.event_type for event in events(store)].count("mode") == 3
    assert len({event.uuid for event in events(store)}) == 5


def test_uuid_that_stands_twice_is_one_event(store: Store, history: History) -> None:
    fuller = history.line(1, toolUseResult={"more": "fields"})
    history.write(history.line(1), fuller, history.line(1))
    report = imported(store, history)
    assert (report.events.added, report.events.unchanged) == (1, 2)
    [event] = events(store)
    assert event.data == fuller


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"type":"user","mess\n', "is not JSON"),
        (b"\xff\xfe\x00\n", "is not UTF-8"),
        (b"[1, 2]\n", "is not a JSON object"),
        (b"null\n", "is not a JSON object"),
        (b'{"n": NaN}\n', "is not JSON"),
        (b'{"n": 1e999}\n', "is not JSON"),
        (b'{"n": ' + b"9" * 5_000 + b"}\n", "is not JSON"),
        (b"[" * 100_000 + b"\n", "is not JSON"),
        (b'{"deep": ' + b"[" * 500 + b"]" * 500 + b"}\n", "is nested too deep"),
    ],
)
def test_broken_line_is_reported_and_stops_nothing(
    store: Store, history: History, bad: bytes, reason: str
) -> None:
    path = history.write(history.line(1), bad, history.line(2))
    told: list[Any] = []
    report = import_transcripts(store, TranscriptFiles(history.root), on_problem=told.append)
    [problem] = report.problems
    assert told == [problem]
    assert (problem.source, problem.line) == (str(path), 2)
    assert problem.reason.startswith(reason)
    assert [event.line for event in events(store)] == [1, 3]
    assert imported(store, history).problem_count == 0


def test_many_problems_are_counted_and_some_kept(store: Store, history: History) -> None:
    history.write(history.line(1), *["broken\n"] * 1_200)
    report = imported(store, history)
    assert (report.problem_count, len(report.problems)) == (1_200, 1_000)


def test_blank_lines_and_marks_are_no_problem(store: Store, history: History) -> None:
    history.write(b"\xef\xbb\xbf", history.line(1), b"\n", b"  \r\n", history.line(2))
    assert imported(store, history).problem_count == 0
    assert [event.line for event in events(store)] == [1, 4]


def test_odd_text_is_kept(store: Store, history: History) -> None:
    odd = history.line(1, cwd="/a\x00b", message={"content": "a\x00 \ud83d", "n": 2**70})
    history.write(odd)
    imported(store, history)
    [event] = events(store)
    assert event.data == odd
    assert event.cwd == "/a\ufffdb"
    assert only_session(store).title == "a\ufffd \ufffd"


def test_subagents_belong_to_their_session(store: Store, history: History) -> None:
    history.write(history.line(1), history.line(5))
    folder = history.main.with_suffix("") / "subagents"
    history.write(history.line(2, uuid="a"), path=folder / "agent-1.jsonl")
    history.write(history.line(3, uuid="b"), path=folder / "workflows" / "run" / "agent-2.jsonl")
    history.write(history.line(4, uuid="c"), path=history.main.with_name("agent-3.jsonl"))
    history.write("output", path=history.main.with_suffix("") / "tool-results" / "x.txt")
    imported(store, history)
    assert [(event.subpath, event.is_sidechain) for event in events(store)] == [
        ("", False),
        ("subagents/agent-1", True),
        ("subagents/workflows/run/agent-2", True),
        ("subagents/agent-3", True),
        ("", False),
    ]
    assert {event.session_id for event in events(store)} == {CLAUDE}


def test_empty_transcript_makes_no_session(store: Store, history: History) -> None:
    history.write()
    history.write(
        "\n \n", path=history.main.with_name("0e6a8f7d-52b1-4f0a-8c1d-9f6f3f1f7a55.jsonl")
    )
    report = imported(store, history)
    assert (report.sessions, report.problem_count) == (0, 0)
    assert list(list_sessions(store)) == []


def test_redacted_text_reaches_nothing(store: Store, history: History) -> None:
    secret = "hunter2"
    history.write(
        {"type": "mode", "key": secret, secret: 1},
        history.line(1, cwd=f"/code/{secret}", message={"content": f"login with {secret}"}),
        f'{{"broken {secret}\n',
    )
    report = import_transcripts(
        store, TranscriptFiles(history.root), redact=lambda text: text.replace(secret, "***")
    )
    session = only_session(store)
    assert (session.title, session.project_path) == ("login with ***", "/code/***")
    assert secret not in repr(
        (session, events(store), report, store.cursors.get(str(history.main)))
    )


class LosesMembers:
    """Returns nothing for the members of objects."""

    def __call__(self, text: str, /) -> str:
        return text

    def named(self, _: str, __: str, /) -> Any:
        return None


def loses_all(_: str) -> Any:
    return None


def loses_values(text: str) -> Any:
    return None if text.startswith("prompt") else text


@pytest.mark.parametrize("redact", [loses_all, loses_values, LosesMembers()])
def test_redaction_that_returns_no_text_ends_the_import(
    store: Store, history: History, redact: Redact
) -> None:
    history.write(history.line(1, message={"role": "user", "content": ["prompt"]}))
    with pytest.raises(TypeError, match="redact must return text, not NoneType"):
        import_transcripts(store, TranscriptFiles(history.root), redact=redact)
    assert list(list_sessions(store)) == []


def test_line_too_deep_to_redact_is_reported(store: Store, history: History) -> None:
    def redact(text: str) -> str:
        # How deep Python's stack reaches differs between its versions.
        if text == "deep":
            raise RecursionError
        return text

    path = history.write(history.line(1), {"type": "deep"}, history.line(3))
    report = import_transcripts(store, TranscriptFiles(history.root), redact=redact)
    assert [(p.source, p.line, p.reason) for p in report.problems] == [
        (str(path), 2, "is nested too deep")
    ]
    assert [event.line for event in events(store)] == [1, 3]


def test_data_too_deep_to_redact_is_refused(store: Store) -> None:
    data: Any = {}
    for _ in range(100_000):
        data = {"x": data}
    with pytest.raises(InvalidValue) as caught:
        record_event(store, session_id=CLAUDE, event_type="user", data=data, redact=str.upper)
    assert caught.value.field == "data"
    assert "nest" in str(caught.value)


def test_session_begins_with_its_earliest_line_whichever_comes_first(
    store: Store, history: History
) -> None:
    agent = history.write(
        history.line(5), path=history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    )
    import_transcripts(store, TranscriptFiles(agent))
    assert only_session(store).created_at.second == 5
    history.write(history.line(3), history.line(6))
    imported(store, history)
    assert only_session(store).created_at.second == 3


def test_when_a_session_of_the_hosts_own_began_is_for_the_host_to_say(
    store: Store, history: History
) -> None:
    mine = create_session(store, id=CLAUDE, project_path="/mine")
    history.write(history.line(3))
    imported(store, history)
    assert only_session(store).created_at == mine.created_at


def test_session_works_where_its_main_conversation_began_whichever_comes_first(
    store: Store, history: History
) -> None:
    agent = history.write(
        history.line(1, cwd="/code/app/.worktrees/1"),
        path=history.main.with_suffix("") / "subagents" / "agent-1.jsonl",
    )
    import_transcripts(store, TranscriptFiles(agent))
    assert only_session(store).project_path == "/code/app/.worktrees/1"
    history.write(history.line(2, isSidechain=True))
    imported(store, history)
    assert only_session(store).project_path == "/code/app"
    history.append(history.line(3, cwd="/code/app/inner"))
    imported(store, history)
    assert only_session(store).project_path == "/code/app"
