"""What shows that a conversation goes on: the request that is made knows what was said before."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tests.claude.conftest import Recording
from tests.claude.machine import Machine
from tests.claude.stand_in import StandIn, said_in
from tests.claude.story import AGAIN, ASKING, COUNT, COUNTED, DELEGATE

from memva import Event
from memva.domain.json import JsonObject
from memva.domain.line import AGENT_METADATA


def check_goes_on(api: StandIn) -> None:
    """Check that the last request carries all that was said before, and the new prompt."""
    *before, result, done, prompt = said_in(api.requests[-1])
    # Claude Code keeps half a surrogate pair, but does not tell the API.
    asking = ASKING.replace("\ud83e", "\ufffd")
    assert before == [("user", DELEGATE), ("assistant", asking), ("assistant", "Agent")]
    assert COUNTED in result[1]
    assert [done, prompt] == [("assistant", "The tool is done."), ("user", AGAIN)]


def check_agent_goes_on(api: StandIn) -> None:
    """Check that the subagent was asked again, and knows what it was asked and said before."""
    [said] = [said for request in api.requests if (said := said_in(request))[0] == ("user", COUNT)]
    assert said[1] == ("assistant", COUNTED)
    assert AGAIN in said[2][1]


def check_same_lines(events: Iterable[Event], machine: Machine) -> None:
    """Check that the events hold what stands in the machine's transcripts, each line once."""
    kept = [event.data for event in events if event.event_type != AGENT_METADATA]
    written = [
        line
        for name, lines in machine.conversations().items()
        if name.endswith(".jsonl")
        for line in lines
    ]
    assert sorted(map(_canonical, kept)) == sorted(map(_canonical, written))


def agent_of(recording: Recording) -> str:
    """Return the id of the one subagent of the recording."""
    [file] = recording.machine.projects.rglob("agent-*.jsonl")
    return file.stem.removeprefix("agent-")


def _canonical(data: JsonObject) -> str:
    return json.dumps(data, sort_keys=True)
