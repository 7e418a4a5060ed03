"""What a person gave, in whatever a `user` line holds."""

import pytest

from memva.domain.prompts import command_text, given_in
from memva.testing import sample_event


@pytest.mark.parametrize(
    ("content", "command"),
    [
        ("<command-name>/init</command-name>", "/init"),
        ("<command-name>\n /a \n</command-name><command-args> 4 2\n</command-args>", "/a 4 2"),
        ("<command-args>42</command-args>\n<command-name>/a</command-name>", "/a 42"),
        ("<command-name>/a</command-name><command-args></command-args>", "/a"),
        ("<command-name>/a</command-name><command-args>42", "/a"),
        ("<command-name>/a<command-name>b</command-name>", "/a<command-name>b"),
        ("<command-name> </command-name><command-name>/a</command-name>", None),
        ("<command-name>/a", None),
        ("<command-args>42</command-args>", None),
    ],
)
def test_command_is_what_stands_between_its_tags(content: str, command: str | None) -> None:
    event = sample_event(data={"message": {"content": content}})
    assert command_text(event) == command
    assert given_in(event) == (None if command is None else "command")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", ["<command-name>" * 50_000, f"<command-name>{' ' * 700_000}x"])
def test_tags_that_are_not_closed_take_no_time(content: str) -> None:
    # A search that began again at each tag would take minutes.
    assert given_in(sample_event(data={"message": {"content": content}})) is None


@pytest.mark.parametrize("mark", ["isMeta", "isCompactSummary", "isSynthetic"])
def test_note_of_claude_codes_own_is_no_prompt(mark: str) -> None:
    data = {"message": {"content": "Continue."}}
    assert given_in(sample_event(data={**data, mark: True})) is None
    assert given_in(sample_event(data={**data, mark: False})) == "prompt"
