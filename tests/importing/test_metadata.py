"""What a subagent is: the file `agent-….meta.json` beside its transcript."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.importing.conftest import History, content, events

from memva import Event, Store, get_session_stats, import_transcripts, list_sessions
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore


@pytest.fixture
def agent(history: History) -> Path:
    """Write a conversation with a subagent; return where the subagent's transcript is."""
    history.write(history.line(1), history.line(9))
    path = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    return history.write(history.line(2), history.line(3), path=path)


def told(agent: Path, text: str | None = None, **metadata: object) -> Path:
    """Write what a subagent is, many years later."""
    path = agent.with_suffix(".meta.json")
    path.write_text(json.dumps(metadata) if text is None else text)
    os.utime(path, (4e9, 4e9))
    return path


def metadata_of(store: Store) -> list[Event]:
    return [event for event in events(store) if event.event_type == "agent_metadata"]


def test_it_is_an_event_of_the_subagents_transcript(
    store: Store, history: History, agent: Path
) -> None:
    told(agent, agentType="Explore", big=2**70, odd="\x00\ud800")
    report = import_transcripts(store, TranscriptFiles(history.root))
    [event] = metadata_of(store)
    assert event.data == {
        "agentType": "Explore",
        "big": 2**70,
        "odd": "\x00\ud800",
        "type": "agent_metadata",
    }
    assert (event.subpath, event.is_sidechain) == ("subagents/agent-1", True)
    assert (report.transcripts, report.events.added, report.problem_count) == (2, 5, 0)


def test_it_stands_where_the_transcript_has_come_to(
    store: Store, history: History, agent: Path
) -> None:
    told(agent, agentType="Explore")
    import_transcripts(store, TranscriptFiles(history.root))
    history.append(history.line(4), path=agent)
    told(agent, agentType="Explore", finished=True)
    import_transcripts(store, TranscriptFiles(history.root))
    lines = [e for e in events(store) if e.subpath]
    assert [(event.event_type, event.line) for event in lines] == [
        ("user", 1),
        ("user", 2),
        ("agent_metadata", 2),
        ("user", 3),
        ("agent_metadata", 3),
    ]
    # However late its file was written, the conversation ended when its last line was said.
    [session] = list_sessions(store)
    assert session.updated_at == max(event.timestamp for event in events(store) if event.line)
    assert [event.timestamp.second for event in lines] == [2, 3, 3, 4, 4]


def test_importing_again_changes_nothing(store: Store, history: History, agent: Path) -> None:
    path = told(agent, agentType="Explore")
    import_transcripts(store, TranscriptFiles(history.root))
    before = content(store)
    os.utime(path, (5e9, 5e9))
    report = import_transcripts(store, TranscriptFiles(history.root))
    assert (report.transcripts, report.unchanged, report.events.added) == (2, 2, 0)
    assert content(store) == before


def test_it_comes_with_the_file_of_a_subagent_alone(store: Store, agent: Path) -> None:
    told(agent, agentType="Explore")
    import_transcripts(store, TranscriptFiles(agent))
    assert len(metadata_of(store)) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_what_cannot_be_read_is_a_problem(
    store: Store, history: History, agent: Path, text: str
) -> None:
    path = told(agent)
    path.write_bytes(text.encode("latin-1"))
    report = import_transcripts(store, TranscriptFiles(history.root))
    assert metadata_of(store) == []
    assert [problem.source for problem in report.problems] == ([str(path)] if text else [])


def test_without_a_transcript_it_is_not_looked_at(
    store: Store, history: History, agent: Path
) -> None:
    told(agent.with_name("agent-2.jsonl"), agentType="Explore")
    assert import_transcripts(store, TranscriptFiles(history.root)).transcripts == 2
    assert metadata_of(store) == []


@pytest.mark.parametrize("begun", ["", '{"type":'])
def test_it_waits_for_the_first_line(
    store: Store, history: History, agent: Path, begun: str
) -> None:
    other = history.write(begun, path=agent.with_name("agent-3.jsonl"))
    told(other, agentType="Explore")
    import_transcripts(store, TranscriptFiles(history.root))
    assert metadata_of(store) == []
    history.write(history.line(4), path=other)
    import_transcripts(store, TranscriptFiles(history.root))
    assert [event.subpath for event in metadata_of(store)] == ["subagents/agent-3"]


def test_it_is_counted_as_no_message(history: History, agent: Path) -> None:
    told(agent, agentType="Explore")
    with MemoryStore() as store:
        import_transcripts(store, TranscriptFiles(history.root))
        [session] = list_sessions(store)
        assert get_session_stats(store, session.id).turns == 2
