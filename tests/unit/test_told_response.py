"""What lines tell of one response, together."""

from functools import reduce
from itertools import permutations, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.histories import answer, histories

from memva import Event
from memva.domain import Called, ToldResponse, merged_told, told_in
from memva.domain.usage import usage_in
from memva.testing import sample_event


def told(event: Event) -> ToldResponse:
    found = told_in(event)
    assert found is not None
    return found


def call(name: str, identity: Any = None) -> dict[str, Any]:
    return {"type": "tool_use", "name": name, "id": identity}


def without_usage(*content: Any, **message: Any) -> Event:
    data = {"message": {"id": "msg_1", "content": list(content), **message}}
    return sample_event(event_type="assistant", data=data)


def test_a_line_tells_usage_model_and_calls() -> None:
    event = answer(content=[call("Read", "t1"), call("Bash")], memva_session_id="session-1")
    found = told(event)
    assert (found.response_id, found.transcript) == ("msg_1", event.transcript)
    assert (found.memva_session_id, found.model) == ("session-1", "claude-a")
    assert found.usage == usage_in(event)
    assert found.calls == {
        ("t1",): Called("Read", False),
        (event.uuid, "1"): Called("Bash", False),
    }


def test_a_line_without_usage_tells_the_rest() -> None:
    assert told(without_usage(model="claude-a")).usage is None
    assert told(without_usage(call("Read"))).response_id == "msg_1"
    for event in (
        sample_event(),
        without_usage(),
        without_usage(model=" "),
        without_usage({"type": "text", "text": "Hi"}, model="<synthetic>"),
    ):
        assert told_in(event) is None


def test_what_some_lines_do_not_say_is_taken_from_the_others() -> None:
    lines = [
        told(without_usage(call("Read", "t1"))),
        told(without_usage(model="claude-b")),
        told(answer(line=0, model=None)),
    ]
    for order in permutations(lines):
        found = reduce(merged_told, order)
        assert found.usage is not None
        assert found.model == found.usage.model == "claude-b"
        assert found.calls == {("t1",): Called("Read", False)}


def test_a_call_is_a_subagents_where_subagents_alone_make_it() -> None:
    ours, replay = (
        told(answer(content=[call("Read", "t1")], is_sidechain=side)) for side in (False, True)
    )
    for one, other in product([ours, replay], repeat=2):
        in_sidechain = one is other is replay
        assert merged_told(one, other).calls == {("t1",): Called("Read", in_sidechain)}


@given(histories(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(transcripts: list[list[Event]], chance: Any) -> None:
    def kept(events: list[Event]) -> dict[object, ToldResponse]:
        rows: dict[object, ToldResponse] = {}
        for one in filter(None, map(told_in, events)):
            key = (one.transcript, one.response_id)
            rows[key] = merged_told(rows[key], one) if key in rows else one
        return rows

    events = [event for transcript in transcripts for event in transcript]
    again = [*events, *events[: len(events) // 2]]
    chance.shuffle(again)
    assert kept(again) == kept(events)
