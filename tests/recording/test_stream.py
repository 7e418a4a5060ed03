"""A stream is recorded as a whole, from its first message to how it ended."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.recording.messages import CLAUDE, DELTA, INIT, RESULT, TURN, heard, spoken, text

from memva import (
    ClaudeStatus,
    Event,
    InvalidValue,
    RecordingProblem,
    SessionNotFound,
    Store,
    StoreFull,
    create_session,
    delete_session,
    get_events_for_session,
    get_session,
    record_stream,
)
from memva.adapters.memory import MemoryStore


@pytest.fixture
def session_id(store: Store) -> str:
    return create_session(store, project_path="/code/app").id


def lines(*messages: dict[str, Any]) -> list[str]:
    return [json.dumps(message) + "\n" for message in messages]


def recorded(store: Store, session_id: str) -> list[Event]:
    return list(get_events_for_session(store, session_id))


def status(store: Store, session_id: str) -> ClaudeStatus:
    return get_session(store, session_id).claude_status


def test_each_message_is_stored_before_it_is_yielded(store: Store, session_id: str) -> None:
    seen = []
    for message in record_stream(store, session_id, lines(*TURN, DELTA)):
        stored = [event.uuid for event in recorded(store, session_id)]
        assert (message["uuid"] in stored) == (message["type"] != "stream_event")
        seen.append(message)
    assert seen == [*TURN, DELTA]
    events = recorded(store, session_id)
    assert sorted(event.uuid for event in events) == sorted(one["uuid"] for one in TURN)
    assert [event.uuid for event in events if event.is_sidechain] == ["uuid-4"]
    assert {event.cwd for event in events} == {"/code/app"}
    assert (get_session(store, session_id).title) == "Fix the login"
    assert status(store, session_id) == "completed"


@pytest.mark.parametrize("text_mode", [True, False])
def test_output_of_a_process(store: Store, session_id: str, text_mode: bool) -> None:
    command = [sys.executable, "-c", "import sys; sys.stdout.write(sys.argv[1])"]
    command.append("".join(lines(INIT, heard(2, "Grüße 🌍"), RESULT)))
    process: subprocess.Popen[Any] = subprocess.Popen(
        command, stdout=subprocess.PIPE, encoding="utf-8" if text_mode else None
    )
    with process:
        assert process.stdout is not None
        assert len(list(record_stream(store, session_id, process.stdout))) == 3
    assert recorded(store, session_id)[1].data == heard(2, "Grüße 🌍")


def test_what_is_no_message_is_a_problem_and_stops_nothing(store: Store, session_id: str) -> None:
    deep = "[" * 500 + "]" * 500
    stream = [
        "Warning: something\n",
        "\n",
        *lines(INIT),
        "[1]\n",
        '{"type": "user"',
        '{"a": NaN}\n',
        f'{{"type": "x", "deep": {deep}}}\n',
        "\udcff\n",
        '{"no": "type"}\n',
        *lines(RESULT),
        '{"type": "torn',
    ]
    problems: list[RecordingProblem] = []
    messages = list(record_stream(store, session_id, stream, on_problem=problems.append))
    assert messages == [INIT, {"no": "type"}, RESULT]
    assert [problem.number for problem in problems] == [1, 4, 5, 6, 7, 8, 9, 11]
    assert [problem.content for problem in problems] == [
        stream[0], *stream[3:8], {"no": "type"}, stream[10],
    ]  # fmt: skip
    assert [problem.reason.partition(":")[0] for problem in problems] == [
        "is not JSON",
        "is not a JSON object",
        "is not JSON",
        "is not JSON",
        "is nested too deep",
        "is not UTF-8",
        "type must name the type of the message",
        "is not JSON",
    ]
    assert "torn" not in repr(problems)
    assert len(recorded(store, session_id)) == 2
    assert status(store, session_id) == "completed"


def test_problem_nobody_asks_for_is_logged(
    store: Store, session_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "memva.recording"):
        list(record_stream(store, session_id, [b"secret\n"]))
    [line] = caplog.messages
    assert session_id in line
    assert "line 1" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        ([], "error"),
        ([INIT, spoken(3, text("Well"))], "error"),
        ([INIT, RESULT], "completed"),
        ([INIT, RESULT, DELTA, spoken(4, text("x"), call="toolu_1")], "completed"),
        ([INIT, RESULT, INIT | {"uuid": "again"}], "error"),
        ([INIT, RESULT | {"is_error": True}], "error"),
    ],
)
def test_stream_that_ends_without_a_result(
    store: Store, session_id: str, stream: list[dict[str, Any]], wanted: str
) -> None:
    list(record_stream(store, session_id, lines(*stream)))
    assert status(store, session_id) == wanted


def test_error_of_the_stream_goes_on(store: Store, session_id: str) -> None:
    def breaking() -> Iterator[str]:
        yield from lines(INIT)
        raise OSError("gone")

    stream = record_stream(store, session_id, breaking())
    assert next(stream) == INIT
    assert status(store, session_id) == "processing"
    with pytest.raises(OSError, match="gone"):
        next(stream)
    assert status(store, session_id) == "error"


@pytest.mark.parametrize(("messages", "wanted"), [(1, "error"), (2, "completed")])
def test_stream_that_is_left(
    store: Store, session_id: str, messages: int, wanted: ClaudeStatus
) -> None:
    with closing(record_stream(store, session_id, lines(INIT, RESULT, INIT))) as stream:
        for _ in range(messages):
            next(stream)
    assert status(store, session_id) == wanted


def test_session_must_be_there(store: Store, session_id: str) -> None:
    with pytest.raises(SessionNotFound):
        record_stream(store, "nobody", [])
    stream = record_stream(store, session_id, lines(INIT, RESULT))
    next(stream)
    delete_session(store, session_id)
    with pytest.raises(SessionNotFound) as caught:
        next(stream)
    [note] = caught.value.__notes__
    assert session_id in note


def test_store_that_fails_ends_the_stream() -> None:
    class Full(MemoryStore):
        def transaction(self) -> Any:
            raise StoreFull

    with Full() as store:
        session = create_session(store, project_path="/code")
        read = iter(lines(INIT, RESULT))
        with pytest.raises(StoreFull) as caught:
            list(record_stream(store, session.id, read))
        assert len(list(read)) == 1
        assert len(caught.value.__notes__) == 1


def test_message_without_a_session_is_of_the_one_that_spoke(store: Store, session_id: str) -> None:
    def nameless(number: int) -> dict[str, Any]:
        return {"type": "user", "uuid": f"nameless-{number}", "message": {"content": "x"}}

    problems: list[RecordingProblem] = []
    stream = lines(nameless(1), INIT, nameless(2), INIT | {"session_id": "fork"}, nameless(3))
    list(record_stream(store, session_id, stream, on_problem=problems.append))
    assert [problem.number for problem in problems] == [1]
    found = {event.uuid: event.session_id for event in recorded(store, session_id)}
    assert found["nameless-2"] == CLAUDE
    assert found["nameless-3"] == "fork"
    list(record_stream(store, session_id, lines(nameless(4)), claude_session_id="given"))
    list(record_stream(store, session_id, lines(nameless(5))))
    found = {event.uuid: event.session_id for event in recorded(store, session_id)}
    assert found["nameless-4"] == "given"
    assert found["nameless-5"] == "given"


def test_two_streams_of_one_session_keep_their_speakers(store: Store, session_id: str) -> None:
    nameless = {"type": "user", "uuid": "nameless", "message": {"content": "x"}}
    other = INIT | {"uuid": "other", "session_id": "other"}
    one = record_stream(store, session_id, lines(INIT, nameless))
    next(one)
    list(record_stream(store, session_id, lines(other)))
    list(one)
    found = {event.uuid: event.session_id for event in recorded(store, session_id)}
    assert found["nameless"] == CLAUDE


def test_redacted_is_what_is_stored_alone(store: Store, session_id: str) -> None:
    stream = lines(INIT, heard(2, "sk-1"))
    messages = list(record_stream(store, session_id, stream, redact=lambda t: t.replace("sk", "*")))
    assert messages[1] == heard(2, "sk-1")
    assert "sk-1" not in repr([*recorded(store, session_id), get_session(store, session_id)])


@pytest.mark.parametrize("stream", ["{}\n", b"{}\n", None, 5])
def test_what_has_no_lines_is_refused_and_leaves_the_session(
    store: Store, session_id: str, stream: Any
) -> None:
    with pytest.raises(InvalidValue, match="stream must give lines"):
        record_stream(store, session_id, stream)
    assert status(store, session_id) == "not_started"
