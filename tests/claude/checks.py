"""What shows that a conversation goes on: the request that is made knows what was said before."""

from __future__ import annotations

import json

from tests.claude.conftest import Recording
from tests.claude.machine import Machine
from tests.claude.stand_in import StandIn, said_in
from tests.claude.story import AGAIN, ASKING, COUNT, COUNTED, DELEGATE

from memva import TranscriptStore, list_transcripts, read_transcript
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


def check_transcripts(store: TranscriptStore, machine: Machine) -> None:
    """Check that the store keeps the machine's transcripts, line by line and in order."""
    kept = {
        "/".join(filter(None, stored.transcript)) + ".jsonl": [
            _canonical(line)
            for line in read_transcript(store, stored.transcript)
            if line["type"] != AGENT_METADATA
        ]
        for stored in list_transcripts(store)
    }
    assert kept == {
        name: [_canonical(line) for line in lines]
        for name, lines in machine.conversations().items()
        if name.endswith(".jsonl")
    }


def agent_of(recording: Recording) -> str:
    """Return the id of the one subagent of the recording."""
    [file] = recording.machine.projects.rglob("agent-*.jsonl")
    return file.stem.removeprefix("agent-")


def _canonical(data: JsonObject) -> str:
    return json.dumps(data, sort_keys=True)
