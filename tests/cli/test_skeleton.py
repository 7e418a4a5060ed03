from __future__ import annotations

from pathlib import Path

import attrs

from memva import (
    compactions_in,
    get_events_for_session,
    list_sessions,
    subagents_in,
    threads_in,
    tool_calls_in,
)
from memva.adapters.sqlite import SqliteStore
from memva.cli.conversation.skeleton import skeleton
from memva.domain.event import Event

from .conftest import Run


def found(events: list[Event]) -> object:
    """Return what the domain finds in events, by their keys."""
    threads = threads_in(events)
    return (
        [(depth, event.key) for depth, event in threads.walk()],
        [
            (call.tool_use_id, call.name, call.event.key, call.result and call.result.key)
            for call in tool_calls_in(events)
        ],
        [
            (agent.agent_id, agent.linked_by, [event.key for event in agent.events])
            for agent in subagents_in(events)
        ],
        [
            (one.boundary.key, one.logical_parent and one.logical_parent.key)
            for one in compactions_in(events)
        ],
    )


def test_the_domain_finds_the_same_in_skeletons(run: Run, history: Path, database: Path) -> None:
    run("import", history)
    with SqliteStore.open(database) as store:
        for session in list_sessions(store):
            events = list(get_events_for_session(store, session.id))
            # Neither do the texts tell which prompt a subagent was given, as ids are gone.
            unnamed = [
                attrs.evolve(event, data={**event.data, "toolUseResult": None}) for event in events
            ]
            for whole in (events, unnamed):
                assert found([skeleton(event) for event in whole]) == found(whole)
