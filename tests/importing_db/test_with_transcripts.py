"""The same conversation from a database and from transcripts is one, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import attrs
import pytest
from tests.importing.conftest import History
from tests.importing_db.conftest import (
    CLAUDE,
    Seed,
    all_events,
    answer,
    everything,
    imported,
    only_session,
)

from memva import (
    CountingStore,
    Store,
    archive_session,
    create_job,
    get_session_stats,
    import_transcripts,
    list_sessions,
    update_session,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.domain.prompts import prompt_text


@pytest.fixture
def history(tmp_path: Any) -> History:
    history = History(tmp_path / "claude")
    final = {"stop_reason": "end_turn", "usage": {"input_tokens": 10, "output_tokens": 90}}
    history.write(
        history.line(1),
        history.line(
            2, type="assistant", uuid="own-2", parentUuid="uuid-1",
            message={**answer("own-2")["message"], **final},
        ),
        history.line(3),
    )  # fmt: skip
    return history


@pytest.fixture
def seed(seed: Seed) -> Seed:
    seed.make().session()
    seed.said("row-2", 2, "own-2", memva_session_id="s1")
    return seed.event(
        "row-4", 4, event_type="result", data={"type": "result", "uuid": "own-4"},
        memva_session_id="s1",
    )  # fmt: skip


def transcripts(store: Store, history: History) -> Any:
    return import_transcripts(store, TranscriptFiles(history.root))


def settled(store: Store) -> list[Any]:
    """Return what is there; in which order it was stored does not count."""
    events = [attrs.evolve(event, position=0) for event in all_events(store)]
    return [only_session(store), *events]


def test_event_is_one_and_its_tokens_count_once(
    store: CountingStore, seed: Seed, history: History
) -> None:
    imported(store, seed)
    transcripts(store, history)
    assert [(event.uuid, event.line) for event in all_events(store)] == [
        ("uuid-1", 1),
        ("own-2", 2),
        ("uuid-3", 3),
        ("own-4", 0),
    ]
    assert {event.memva_session_id for event in all_events(store)} == {"s1"}
    assert ["typescript_memva" in event.data for event in all_events(store)] == [
        False,
        False,
        False,
        True,
    ]
    stats = get_session_stats(store, "s1")
    assert (stats.usage.usage.input_tokens, stats.usage.usage.output_tokens) == (10, 90)


def test_which_comes_first_makes_no_difference(store: Store, seed: Seed, history: History) -> None:
    take: list[Callable[[Store], Any]] = [
        lambda store: imported(store, seed),
        lambda store: transcripts(store, history),
    ]
    for first in take:
        first(store)
    for order in permutations([*take, *take]):
        with MemoryStore() as other:
            for each in order:
                each(other)
            assert settled(other) == settled(store)
    before = everything(store)
    imported(store, seed)
    transcripts(store, history)
    assert everything(store) == before


def test_session_that_an_import_made_gives_way(store: Store, seed: Seed, history: History) -> None:
    transcripts(store, history)
    assert only_session(store).id == CLAUDE
    imported(store, seed)
    assert only_session(store).id == "s1"
    assert not store.sessions.is_deleted(CLAUDE)
    history.append(history.line(5))
    assert transcripts(store, history).events.added == 1
    assert {event.memva_session_id for event in all_events(store)} == {"s1"}


@pytest.mark.parametrize(
    "touch",
    [
        lambda store: update_session(store, CLAUDE, title="Mine"),
        lambda store: update_session(store, CLAUDE, metadata={}),
        lambda store: archive_session(store, CLAUDE),
        lambda store: create_job(store, type="prompt", memva_session_id=CLAUDE),
    ],
)
def test_session_that_the_host_took_up_does_not(
    store: Store, seed: Seed, history: History, touch: Callable[[Store], object]
) -> None:
    transcripts(store, history)
    touch(store)
    imported(store, seed)
    assert {session.id for session in list_sessions(store, archived=None)} == {"s1", CLAUDE}
    sessions = {event.uuid: event.memva_session_id for event in all_events(store)}
    assert sessions == {"uuid-1": CLAUDE, "own-2": CLAUDE, "uuid-3": CLAUDE, "own-4": "s1"}


def test_session_of_the_same_id_gets_what_the_database_knows(
    store: Store, seed: Seed, history: History
) -> None:
    transcripts(store, history)
    seed.run("DELETE FROM sessions")
    seed.session(CLAUDE, title="From there", settings={"maxTurns": 3}, status="archived")
    report = imported(store, seed)
    session = only_session(store)
    assert (report.sessions, report.known_sessions) == (0, 1)
    assert (session.title, session.title_origin) == ("From there", "host")
    assert session.metadata == {"typescript_memva": {"settings": {"maxTurns": 3}}}
    assert session.archived_at is not None
    update_session(store, CLAUDE, metadata=None)
    imported(store, seed)
    assert only_session(store).metadata is None


def test_title_that_an_import_found_goes_along(store: Store, seed: Seed, history: History) -> None:
    transcripts(store, history)
    seed.session(title=None)
    imported(store, seed)
    assert (only_session(store).id, only_session(store).title) == ("s1", "prompt 1")


def test_prompt_of_memvas_own_stands_beside_that_of_the_transcript(
    store: Store, seed: Seed, history: History
) -> None:
    prompt = {"type": "user", "content": "prompt 1"}
    seed.event("row-1", 1, data=prompt, session_id="", memva_session_id="s1")
    imported(store, seed)
    transcripts(store, history)
    texts = {event.uuid: prompt_text(event) for event in all_events(store)}
    assert (texts["row-1"], texts["uuid-1"]) == ("prompt 1", "prompt 1")
