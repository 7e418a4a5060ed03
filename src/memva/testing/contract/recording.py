"""What recording promises on any store: messages, prompts, and the session they move."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from memva.domain.errors import InvalidValue, SessionNotFound
from memva.domain.event import Event
from memva.domain.ports import Store
from memva.domain.session import ClaudeStatus
from memva.domain.versions import Appended
from memva.services.events import get_claude_sessions_for_session, get_latest_claude_session_id
from memva.services.recording import record_message, record_prompt
from memva.services.sessions import get_session
from memva.testing.clock import START
from memva.testing.contract.events import stored
from memva.testing.samples import sample_event, sample_session

LATER = START + timedelta(minutes=1)


def message(type_: str, uuid: str, **fields: Any) -> dict[str, Any]:
    """Return a message of the stream, from the Claude session `claude-1` unless it says another."""
    return {"type": type_, "uuid": uuid, "session_id": "claude-1", **fields}


def init(uuid: str, **fields: Any) -> dict[str, Any]:
    """Return what each turn begins with."""
    return message("system", uuid, **{"subtype": "init", "cwd": "/code/site", **fields})


def answer(uuid: str, **fields: Any) -> dict[str, Any]:
    """Return an answer as it is streamed: nothing in it is final."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    content = [{"type": "text", "text": "Done."}]
    said = {"id": f"msg-{uuid}", "stop_reason": None, "content": content, "usage": usage}
    return message("assistant", uuid, **{"message": said, "parent_tool_use_id": None, **fields})


def result(uuid: str, **fields: Any) -> dict[str, Any]:
    """Return what each turn ends with."""
    return message(
        "result", uuid, **{"subtype": "success", "is_error": False, "total_cost_usd": 0.5, **fields}
    )


class RecordingContract:
    """Recording a conversation while it goes on."""

    def test_message_is_kept_whole(self, store: Store) -> None:
        """A message is stored whole, streamed, in its session, under Claude Code's uuid."""
        store.sessions.add(sample_session())
        said = message("type of tomorrow", "u", odd=["\x00", "\ud800", 2**70])
        event = record_message(store, "session-1", said, now=LATER)
        [kept] = stored(store)
        assert kept.data == said
        assert (kept.event_type, kept.uuid, kept.line) == ("type of tomorrow", "u", 0)
        assert (kept.session_id, kept.memva_session_id) == ("claude-1", "session-1")
        assert event is not None
        assert event.key == kept.key
        assert event.timestamp == kept.timestamp == LATER

    def test_partial_message_is_not_stored(self, store: Store) -> None:
        """A raw delta is left out, and moves nothing."""
        store.sessions.add(sample_session())
        assert record_message(store, "session-1", message("stream_event", "u")) is None
        assert stored(store) == []
        assert get_session(store, "session-1") == sample_session()

    def test_message_that_says_its_time_keeps_it(self, store: Store) -> None:
        """The moment is the one that the message says, if it says one."""
        store.sessions.add(sample_session())
        said = answer("u", timestamp="2026-01-02T03:04:05.678Z")
        event = record_message(store, "session-1", said, now=LATER)
        assert event is not None
        assert event.timestamp.isoformat() == "2026-01-02T03:04:05.678000+00:00"

    @pytest.mark.parametrize("uuid", ["u", None])
    def test_message_that_comes_again_changes_nothing(self, store: Store, uuid: str | None) -> None:
        """A message recorded again, a uuid of its own or not, is the same event at its moment."""
        store.sessions.add(sample_session())
        said = {k: v for k, v in result(uuid or "").items() if v != ""}
        first = record_message(store, "session-1", said, now=LATER)
        [before] = stored(store)
        again = record_message(store, "session-1", said, now=LATER + timedelta(hours=1))
        assert again == first
        assert stored(store) == [before]

    def test_messages_without_a_uuid_are_told_apart_by_what_they_say(self, store: Store) -> None:
        """Those that differ in anything at all are different events."""
        store.sessions.add(sample_session())
        for number in range(3):
            record_message(store, "session-1", {"type": "x", "session_id": "c", "n": number})
        assert len({event.uuid for event in stored(store)}) == 3

    def test_session_goes_along_with_what_is_said(self, store: Store) -> None:
        """`claude_status` tells what Claude Code is doing, and `updated_at` when it said so."""
        store.sessions.add(sample_session())
        wanted: list[tuple[dict[str, Any], ClaudeStatus]] = [
            (message("rate_limit_event", "a"), "not_started"),
            (init("b"), "processing"),
            (answer("c"), "processing"),
            (result("d"), "completed"),
            (message("command_lifecycle", "e"), "completed"),
            (answer("f", parent_tool_use_id="toolu_1"), "completed"),
            (message("system", "g", subtype="task_notification"), "completed"),
            (message("user", "h", message={"role": "user", "content": "And?"}), "processing"),
            (result("i", is_error=True), "error"),
            (init("j"), "processing"),
            (result("k", subtype="error_max_turns"), "error"),
        ]
        for number, (said, status) in enumerate(wanted, 1):
            now = START + timedelta(seconds=number)
            record_message(store, "session-1", said, now=now)
            session = get_session(store, "session-1")
            assert (session.claude_status, session.updated_at) == (status, now), said

    def test_event_and_session_move_together(self, store: Store) -> None:
        """Where the session cannot be moved, the message is not stored either, and conversely."""
        store.sessions.add(sample_session())
        with pytest.raises(InvalidValue):
            record_message(store, "session-1", init("u", odd={1, 2}))
        assert get_session(store, "session-1") == sample_session()
        with pytest.raises(SessionNotFound) as caught:
            record_message(store, "nobody", init("u"))
        assert caught.value.session_id == "nobody"
        assert stored(store) == []

    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ("text", "message"),
            (None, "message"),
            (["type"], "message"),
            ({}, "type"),
            ({"type": " "}, "type"),
            ({"type": 5}, "type"),
            ({"type": "user"}, "session_id"),
            ({"type": "user", "session_id": ""}, "session_id"),
        ],
    )
    def test_bad_message_is_refused(self, store: Store, said: object, field: str) -> None:
        """What is no message, or nobody's, is refused by name, and nothing is stored."""
        store.sessions.add(sample_session())
        with pytest.raises(InvalidValue) as caught:
            record_message(store, "session-1", said)
        assert caught.value.field == field
        assert stored(store) == []

    def test_message_goes_where_the_session_is(self, store: Store) -> None:
        """A message has the folder of its session's last one: that of `init`, else the host's."""
        store.sessions.add(sample_session(project_path="/code/app"))
        places = []
        for said in (message("x", "a"), init("b", original_cwd="/code"), answer("c")):
            event = record_message(store, "session-1", said)
            assert event is not None
            places.append((event.cwd, event.project_name, event.project_key))
        assert places == [("/code/app", "app", "-code-app"), *2 * [("/code/site", "site", "-code")]]

    def test_session_takes_what_it_lacks(self, store: Store) -> None:
        """A session without folder or title takes them as an import would; others keep theirs."""
        bare = sample_session(title=None, project_path="")
        for session in (bare, sample_session(id="session-2", title="Mine")):
            store.sessions.add(session)
            record_message(store, session.id, init(f"a-{session.id}"))
            asked = {"role": "user", "content": "Fix  the login"}
            record_message(store, session.id, message("user", f"b-{session.id}", message=asked))
        taken, kept = (get_session(store, id_) for id_ in ("session-1", "session-2"))
        assert (taken.title, taken.title_origin) == ("Fix the login", "prompt")
        assert taken.project_path == "/code/site"
        assert (kept.title, kept.project_path) == ("Mine", "/code/app")

    def test_claude_sessions_that_speak_in_turn_are_one_sessions(self, store: Store) -> None:
        """What is resumed, forked or cleared stays in the session; the last to speak is resumed."""
        store.sessions.add(sample_session())
        for number, speaker in enumerate(["first", "first", "fork", "cleared"]):
            said = init(str(number), session_id=speaker)
            record_message(store, "session-1", said, now=START + timedelta(seconds=number))
            assert get_latest_claude_session_id(store, "session-1") == speaker
        asked = get_claude_sessions_for_session(store, "session-1")
        assert asked == ["first", "fork", "cleared"]

    def test_message_that_names_no_session(self, store: Store) -> None:
        """It is the given Claude session's, or else that of the session's last event."""
        store.sessions.add(sample_session())
        given = record_message(store, "session-1", {"type": "x"}, claude_session_id="given")
        last = record_message(store, "session-1", {"type": "y"})
        own = record_message(store, "session-1", init("u"), claude_session_id="given")
        speakers = [event.session_id for event in (given, last, own) if event is not None]
        assert speakers == ["given", "given", "claude-1"]

    @pytest.mark.parametrize("streamed_first", [True, False])
    def test_message_and_its_line_are_one_event(self, store: Store, streamed_first: bool) -> None:
        """The streamed version gives way to the transcript's, whichever comes first."""
        store.sessions.add(sample_session())
        lines = [placed("u", "main"), placed("v", "subagent", subpath="subagents/agent-1")]
        said = [answer("u"), answer("v", parent_tool_use_id="toolu_1")]
        if not streamed_first:
            store.events.append(lines)
        events = [record_message(store, "session-1", one) for one in said]
        assert [event.is_sidechain for event in events if event is not None] == [False, True]
        if streamed_first:
            assert store.events.append(lines) == Appended(replaced=2)
        kept = stored(store)
        assert [event.data["text"] for event in kept] == ["main", "subagent"]
        assert {event.memva_session_id for event in kept} == {"session-1"}

    def test_redacted_message_is_never_stored(self, store: Store) -> None:
        """What `redact` takes out is neither in the event nor in the session."""
        store.sessions.add(sample_session(title=None, project_path=""))

        def redact(text: str) -> str:
            return text.replace("sk-1", "***")

        asked = {"role": "user", "content": "My key is sk-1"}
        record_message(store, "session-1", init("a", cwd="/sk-1"), redact=redact)
        record_message(store, "session-1", message("user", "b", message=asked), redact=redact)
        record_prompt(store, "session-1", "sk-1", redact=redact)
        assert "sk-1" not in repr([*stored(store), get_session(store, "session-1")])
        store.sessions.add(sample_session(id="session-2", project_path="/sk-1"))
        elsewhere = message("x", "c", session_id="claude-2")
        event = record_message(store, "session-2", elsewhere, redact=redact)
        assert event is not None
        assert (event.cwd, event.project_name, event.project_key) == ("/***", "***", "----")

    def test_prompt_is_there_before_it_is_asked(self, store: Store) -> None:
        """A recorded prompt is an event and titles its session, in which nothing has happened."""
        store.sessions.add(sample_session(title=None))
        prompt = record_prompt(store, "session-1", "Fix the login", now=LATER)
        assert prompt.begins
        assert prompt.message == {
            "type": "user",
            "message": {"role": "user", "content": "Fix the login"},
            "parent_tool_use_id": None,
            "session_id": prompt.event.session_id,
            "uuid": prompt.event.uuid,
        }
        [kept] = stored(store)
        assert (kept.key, kept.data, kept.timestamp) == (prompt.event.key, prompt.message, LATER)
        session = get_session(store, "session-1")
        assert (session.title, session.claude_status) == ("Fix the login", "not_started")

    def test_prompt_is_asked_once(self, store: Store) -> None:
        """Recorded again, echoed and imported, it is one event."""
        store.sessions.add(sample_session())
        prompt = record_prompt(store, "session-1", "Do it", uuid="u", claude_session_id="claude-1")
        again = record_prompt(store, "session-1", "Do it", uuid="u", claude_session_id="claude-1")
        assert again == prompt
        record_message(store, "session-1", {**prompt.message, "isReplay": True})
        store.events.append([placed("u", "Do it", event_type="user")])
        [kept] = stored(store)
        assert (kept.line, kept.memva_session_id) == (1, "session-1")

    def test_prompt_goes_on_where_claude_has_spoken(self, store: Store) -> None:
        """A prompt goes to the last Claude session, which begins with what Claude itself says."""
        store.sessions.add(sample_session())
        first = record_prompt(store, "session-1", "One", now=START)
        failed = result("r", session_id=first.event.session_id, is_error=True)
        record_message(store, "session-1", failed, now=START)
        second = record_prompt(store, "session-1", "Two", now=START)
        assert (second.event.session_id, second.begins) == (first.event.session_id, True)
        record_message(store, "session-1", init("i", session_id=first.event.session_id), now=START)
        third = record_prompt(store, "session-1", "Three", now=START)
        assert (third.event.session_id, third.begins) == (first.event.session_id, False)
        fork = record_prompt(store, "session-1", "Four", claude_session_id="fork", now=LATER)
        assert (fork.event.session_id, fork.begins) == ("fork", True)

    def test_prompt_of_blocks(self, store: Store) -> None:
        """A prompt may be blocks of content, and is refused where it cannot be stored."""
        store.sessions.add(sample_session(title=None))
        record_prompt(store, "session-1", [{"type": "text", "text": "Look"}])
        assert get_session(store, "session-1").title == "Look"
        with pytest.raises(InvalidValue):
            record_prompt(store, "session-1", "Again", uuid=" ")
        neither: list[Any] = [None, b"Again", {"type": "text", "text": "Again"}, ["Again"]]
        for content in neither:
            with pytest.raises(InvalidValue, match="content must be text, or a list of blocks"):
                record_prompt(store, "session-1", content)
        with pytest.raises(SessionNotFound):
            record_prompt(store, "nobody", "Hi")
        assert len(stored(store)) == 1


def placed(uuid: str, text: str, **fields: Any) -> Event:
    """Return a line of a transcript of `claude-1`."""
    said = {"stop_reason": "end_turn", "content": text}
    data = {"text": text, "message": said}
    return sample_event(
        **{
            "uuid": uuid,
            "event_type": "assistant",
            "line": 1,
            "is_sidechain": "subpath" in fields,
            "data": data,
            **fields,
        }
    )
