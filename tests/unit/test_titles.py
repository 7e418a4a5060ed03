"""What a person typed, and the titles that a person recognises."""

from typing import Any

import pytest

from memva.domain.prompts import prompt_text
from memva.domain.titles import Title, better_title, title_in
from memva.testing import sample_event


def user(content: Any, **data: Any) -> Any:
    return sample_event(data={"message": {"content": content}, **data})


@pytest.mark.parametrize(
    ("event", "typed"),
    [
        (user("Fix it"), "Fix it"),
        (user([{"type": "text", "text": "Fix"}, {"type": "image"}]), "Fix"),
        (user([{"type": "tool_result", "content": "x"}]), None),
        (user("note", isMeta=True), None),
        (user("earlier", isCompactSummary=True), None),
        (user("<command-name>/init</command-name>"), None),
        (user("  <local-command-stdout>x</local-command-stdout>"), None),
        (user("<system-reminder>x</system-reminder>"), None),
        (user("<task-notification>x</task-notification>"), None),
        (user("[Request interrupted by user]"), None),
        (user(" \n "), None),
        (user(None), None),
        (user(7), None),
        (sample_event(data={}), None),
        (sample_event(data={"message": "text"}), None),
        (sample_event(is_sidechain=True), None),
        (sample_event(event_type="assistant"), None),
    ],
)
def test_prompt_is_what_a_person_typed(event: Any, typed: str | None) -> None:
    assert prompt_text(event) == typed


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (user("  Fix\n\n the   login "), Title("Fix the login", "prompt")),
        (user("a\x00b"), Title("a\ufffdb", "prompt")),
        (user("x" * 200), Title("x" * 79 + "…", "prompt")),
        (
            user("<command-name>/review</command-name> <command-args>42 </command-args>"),
            Title("/review 42", "command"),
        ),
        (user("<command-name>/init</command-name>"), Title("/init", "command")),
        (sample_event(event_type="summary", data={"summary": "S"}), Title("S", "summary")),
        (sample_event(event_type="ai-title", data={"aiTitle": "A"}), Title("A", "ai-title")),
        (
            sample_event(event_type="custom-title", data={"customTitle": "C"}),
            Title("C", "custom-title"),
        ),
        (sample_event(event_type="custom-title", data={"customTitle": 7}), None),
        (sample_event(event_type="summary", data={}), None),
        (sample_event(event_type="system"), None),
    ],
)
def test_title_in_an_event(event: Any, title: Title | None) -> None:
    assert title_in(event) == title


def test_better_title() -> None:
    first, second = Title("one", "prompt"), Title("two", "prompt")
    made, remade = Title("three", "ai-title"), Title("four", "ai-title")
    assert better_title(None, first) == first
    assert better_title(first, None) == first
    assert better_title(first, second) == first
    assert better_title(first, made) == made
    assert better_title(made, remade) == remade
    assert better_title(remade, first) == remade
    assert better_title(None, None) is None


def test_title_that_was_offered_before_wins_by_its_origin_alone() -> None:
    older, held = Title("one", "ai-title"), Title("two", "ai-title")
    better = Title("three", "custom-title")
    assert better_title(held, older, is_new=False) == held
    assert better_title(held, better, is_new=False) == better
    assert better_title(None, older, is_new=False) == older


def test_no_title_is_better_than_the_hosts() -> None:
    host = Title("one", "host")
    assert better_title(host, Title("two", "custom-title")) == host
    assert better_title(Title("two", "custom-title"), host) == host
