"""How a job's JSON becomes what a handler takes, and what it returns becomes JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs
import pytest

from memva import InvalidValue, JsonValue
from memva.worker import JobContext, PermanentFailure
from memva.worker.handlers import prepared, strict_converter

if TYPE_CHECKING:
    from decimal import Decimal


@attrs.frozen
class File:
    path: str
    line: int | None = None


@attrs.frozen
class Prompt:
    say: str
    mode: Literal["plan", "act"] = "act"
    files: list[File] = attrs.field(factory=list)
    patience: float = 1.0
    loud: bool = False


@dataclass
class Note:
    text: str
    at: datetime


def takes_prompt(data: Prompt, context: JobContext) -> Prompt:
    return data


def takes_note(data: Note, context: JobContext) -> Note:
    return data


def takes_json(data: JsonValue, context: JobContext) -> JsonValue:
    return data


class Caller:
    def __call__(self, data: Prompt, context: JobContext) -> str:
        return data.say


class AsyncCaller:
    async def __call__(self, data: Prompt, context: JobContext) -> str:
        return data.say


def handle(handler: Any, data: JsonValue) -> JsonValue:
    """Give data to a handler as a worker does, and return its result."""
    [ready] = prepared({"x": handler}, None).values()
    return ready.result(ready.call(ready.argument(data), None))  # type: ignore[arg-type]  # no handler here looks at its context


def test_data_becomes_what_the_handler_takes() -> None:
    data: JsonValue = {
        "say": "hi",
        "files": [{"path": "a.py"}, {"path": "b.py", "line": 7}],
        "patience": 2,
    }
    assert handle(takes_prompt, data) == {
        "say": "hi",
        "mode": "act",
        "files": [{"path": "a.py", "line": None}, {"path": "b.py", "line": 7}],
        "patience": 2.0,
        "loud": False,
    }
    note = {"text": "hi", "at": "2026-01-02T03:04:05+00:00"}
    assert handle(takes_note, note) == note


@pytest.mark.parametrize("data", [None, 1, "text", [1, {"x": None}], {"any": ["json"]}])
def test_handler_without_a_type_takes_the_json_as_it_is(data: JsonValue) -> None:
    assert handle(takes_json, data) == data
    assert handle(lambda data, context: data, data) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "required field missing @ data.say"),
        ({"say": None}, "@ data.say"),
        ({"say": 5}, "@ data.say"),
        ({"say": "hi", "mode": "sing"}, "@ data.mode"),
        ({"say": "hi", "files": [{"path": 1}]}, "@ data.files[0].path"),
        ({"say": "hi", "files": [{"path": "a", "line": True}]}, "@ data.files[0].line"),
        ({"say": "hi", "patience": "long"}, "@ data.patience"),
        ({"say": "hi", "loud": 1}, "@ data.loud"),
        ([], "does not fit Prompt"),
        (None, "does not fit Prompt"),
        ("hi", "does not fit Prompt"),
    ],
)
def test_data_that_does_not_fit_is_refused_readably(data: JsonValue, reason: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        handle(takes_prompt, data)
    assert str(caught.value).startswith("the data does not fit Prompt: ")
    assert reason in str(caught.value)


def test_objects_that_are_called_may_be_handlers() -> None:
    assert handle(Caller(), {"say": "hi"}) == "hi"
    assert prepared({"x": AsyncCaller()}, None)["x"].is_async
    assert not prepared({"x": Caller()}, None)["x"].is_async


def test_bound_arguments_leave_the_type_as_it_is() -> None:
    def takes_more(client: str, data: Prompt, context: JobContext) -> str:
        return client + data.say

    def takes_named(data: Prompt, context: JobContext, *, client: str) -> str:
        return client + data.say

    assert handle(partial(takes_named, client="c"), {"say": "hi"}) == "chi"
    assert handle(partial(takes_more, "c"), {"say": "hi"}) == "chi"


def test_awaitable_of_a_plain_function_is_told() -> None:
    async def later(data: JsonValue, context: JobContext) -> int:
        return 7

    with pytest.raises(PermanentFailure, match="async def"):
        handle(lambda data, context: later(data, context), None)


@pytest.mark.parametrize("returned", [object(), float("nan"), {"x": object()}])
def test_what_is_no_json_is_no_result(returned: object) -> None:
    with pytest.raises(PermanentFailure):
        handle(lambda data, context: returned, None)


def test_converter_that_fails_fails_the_job() -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the converter is broken")

    converter = strict_converter()
    converter.register_unstructure_hook(File, broken)
    [ready] = prepared({"x": lambda data, context: None}, converter).values()
    with pytest.raises(PermanentFailure, match="the converter is broken"):
        ready.result(File("a.py"))


def not_found(data: Decimal, context: JobContext) -> None:
    """Take a type that cannot be found when it is asked for."""


@pytest.mark.parametrize("handler", ["text", lambda: None, lambda data: None, not_found])
def test_what_cannot_be_a_handler_is_refused_by_its_type(handler: Any) -> None:
    with pytest.raises(InvalidValue) as caught:
        prepared({"prompt": handler}, None)
    assert caught.value.field == "handlers['prompt']"
