"""The Agent SDK's session store: its own conformance suite, and what that does not test."""

from __future__ import annotations

import asyncio
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from claude_agent_sdk import SessionKey
from claude_agent_sdk._internal.session_store_validation import _store_implements
from claude_agent_sdk.testing import run_session_store_conformance
from claude_agent_sdk.testing.session_store_conformance import _OPTIONAL_METHODS
from tests.adapters.twins import Opens, Place
from tests.claude_sdk.entries import (
    AGENT,
    AGENT_TRANSCRIPT,
    KEY,
    MAIN_TRANSCRIPT,
    MODE,
    PROJECT,
    TITLE,
    append,
    delete,
    folded,
    listed,
    load,
    prompt,
    subkeys,
    summaries,
)
from tests.importing.conftest import CLAUDE

from memva import (
    Event,
    InvalidValue,
    StoreUnavailable,
    Transcript,
    TranscriptStore,
    list_sessions,
)
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore
from memva.claude_sdk import MemvaSessionStore
from memva.domain.line import UNNUMBERED
from memva.testing import FrozenClock


def test_memory_passes_the_sdks_own_conformance_suite() -> None:
    asyncio.run(run_session_store_conformance(lambda: MemvaSessionStore(MemoryStore())))


def test_databases_pass_the_sdks_own_conformance_suite(durable_place: Place) -> None:
    with ExitStack() as stack:

        def make() -> MemvaSessionStore:
            opens = stack.enter_context(durable_place())
            return MemvaSessionStore(stack.enter_context(closing(opens())))

        asyncio.run(run_session_store_conformance(make))


def test_the_conformance_suite_leaves_nothing_optional_out(store: TranscriptStore) -> None:
    ours = MemvaSessionStore(store)
    assert all(_store_implements(ours, method) for method in _OPTIONAL_METHODS)


BATCH = [MODE, MODE, prompt(1), MODE, TITLE, MODE, prompt(2), MODE]


@pytest.mark.parametrize("stored", range(3, len(BATCH) + 1))
def test_a_retry_doubles_nothing(store: TranscriptStore, stored: int) -> None:
    """However much of a batch was stored, and whatever stands around entries with uuids."""
    append(store, prompt(0), MODE)
    append(store, *BATCH[:stored])
    for _ in range(2):
        append(store, *BATCH)
    assert load(store) == [prompt(0), MODE, *BATCH]
    append(store, MODE, prompt(3))
    assert load(store)[-2:] == [MODE, prompt(3)]


def test_entries_without_uuid_are_all_kept(store: TranscriptStore) -> None:
    for _ in range(3):
        append(store, MODE, TITLE)
    append(store, prompt(1), MODE, MODE)
    append(store, MODE)
    assert load(store) == [MODE, TITLE] * 3 + [prompt(1), MODE, MODE, MODE]


def test_as_many_are_known_again_as_are_stored(store: TranscriptStore) -> None:
    append(store, MODE, prompt(1))
    append(store, MODE, MODE, prompt(1))
    assert load(store) == [MODE, prompt(1), MODE]


def test_what_says_no_time_has_that_of_the_entry_before(store: TranscriptStore) -> None:
    append(store, prompt(1))
    append(store, MODE)
    times = {event.timestamp for event in store.transcripts.lines(MAIN_TRANSCRIPT, limit=10)}
    assert len(times) == 1


def test_a_repeated_entry_that_says_no_time_keeps_what_it_was_given(store: TranscriptStore) -> None:
    """Nor does it come to followers again, wherever the conversation has come to meanwhile."""
    silent = {name: value for name, value in prompt(2).items() if name not in ("timestamp", "cwd")}
    append(store, prompt(1), silent, prompt(3, cwd="/code/later"))
    before = store.transcripts.lines(MAIN_TRANSCRIPT, limit=10)
    append(store, silent)
    assert store.transcripts.lines(MAIN_TRANSCRIPT, limit=10) == before


def test_load_is_of_one_moment(store: TranscriptStore, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [prompt(n) for n in range(250)]
    append(store, *entries)
    lines = store.transcripts.lines

    def interrupted(_: object, transcript: Transcript, **options: Any) -> list[Event]:
        page = lines(transcript, **options)
        with ThreadPoolExecutor(1) as other:
            other.submit(store.transcripts.delete, transcript).result()
        return page

    monkeypatch.setattr(type(store.transcripts), "lines", interrupted)
    assert load(store) == entries


def test_an_entry_that_comes_again_keeps_its_place(store: TranscriptStore) -> None:
    append(store, prompt(1), prompt(2), MODE)
    append(store, prompt(1, requestId="fuller"))
    assert load(store) == [prompt(1, requestId="fuller"), prompt(2), MODE]
    append(store, prompt(3), prompt(4), prompt(3, requestId="fuller"))
    assert load(store)[3:] == [prompt(3, requestId="fuller"), prompt(4)]


def test_odd_entries_come_back_equal(store: TranscriptStore) -> None:
    entries: list[Any] = [
        {"type": "x", "text": "\x00 \ud800 é 日本", "big": 2**70, "half": 0.5, "whole": 1.0},
        {"type": "", "uuid": "\x00", "timestamp": "yesterday", "nested": [[{"a": None}]]},
        {"uuid": 5, "sessionId": None, "isSidechain": "yes", "": True},
        {},
    ]
    append(store, *entries)
    assert repr(load(store)) == repr(entries)


def test_what_is_no_entry_is_refused_and_nothing_stored(store: TranscriptStore) -> None:
    for wrong in (["line"], {"when": timedelta(1)}):
        with pytest.raises(InvalidValue):
            append(store, prompt(1), wrong)
    assert load(store) is None
    assert list(list_sessions(store)) == []


@pytest.mark.parametrize(
    "fields",
    [{"subpath": ""}, {"session_id": ""}, {"session_id": "\x00"}, {"project_key": "\ud800"}],
)
def test_a_key_that_is_none_is_refused(store: TranscriptStore, fields: dict[str, str]) -> None:
    key: Any = {**KEY, **fields}
    with pytest.raises(InvalidValue):
        append(store, prompt(1), key=key)
    if "subpath" not in fields:
        assert load(store, key) is None
        delete(store, key)


def titled(number: int) -> Any:
    return {**TITLE, "customTitle": str(number)}


def test_concurrent_appends_lose_nothing(store: TranscriptStore) -> None:
    """Entries of one call stay together, and the summary is that of all of them in their order."""
    ours = MemvaSessionStore(store)

    async def main() -> None:
        await asyncio.gather(
            *(ours.append(KEY, [prompt(n), titled(n)]) for n in range(20)),
            *(ours.list_session_summaries(PROJECT) for _ in range(5)),
        )

    asyncio.run(main())
    entries = load(store)
    assert sorted(entry["uuid"] for entry in entries[::2]) == sorted(f"uuid-{n}" for n in range(20))
    for said, title in zip(entries[::2], entries[1::2], strict=True):
        assert said["uuid"] == f"uuid-{title['customTitle']}"
    assert summaries(store) == {CLAUDE: folded(entries)}


def append_in_process(opens: Opens, first: int, count: int) -> None:
    with opens() as store:
        for number in range(first, first + count):
            append(store, prompt(number), MODE)


def test_several_processes_append(open_durable: Opens) -> None:
    """Some of them the same entries, as processes do that go on from copies of a conversation."""
    spawn = multiprocessing.get_context("spawn")
    with open_durable() as store:
        processes = [
            spawn.Process(target=append_in_process, args=(open_durable, first, 10))
            for first in (0, 5, 50)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            assert process.exitcode == 0
            process.close()
        entries = load(store)
        expected = {f"uuid-{n}" for n in (*range(15), *range(50, 60))}
        uuids = [entry["uuid"] for entry in entries if "uuid" in entry]
        assert sorted(uuids) == sorted(expected)
        assert summaries(store) == {CLAUDE: folded(entries)}


def test_a_fork_repeats_uuids(store: TranscriptStore) -> None:
    fork: SessionKey = {**KEY, "session_id": "c4b2e9a0-6d1f-4b7e-8f3a-2a90d5e7b611"}
    append(store, prompt(1), prompt(2))
    append(store, prompt(1, sessionId="fork"), prompt(3), key=fork)
    assert load(store) == [prompt(1), prompt(2)]
    assert load(store, fork) == [prompt(1, sessionId="fork"), prompt(3)]
    assert {session.id for session in list_sessions(store)} == {CLAUDE, fork["session_id"]}


def test_projects_are_apart(store: TranscriptStore) -> None:
    other: SessionKey = {**KEY, "project_key": "-code-app-2"}
    append(store, prompt(1))
    append(store, prompt(1, cwd="/code/app-2"), key=other)
    append(store, prompt(2), key={**other, "subpath": "subagents/agent-2"})
    assert (subkeys(store), listed(store, "-code")) == ([], {})
    assert listed(store).keys() == listed(store, "-code-app-2").keys() == {CLAUDE}
    delete(store, other)
    assert load(store) == [prompt(1)]
    assert load(store, other) is None


def test_what_a_subagent_is_comes_back(store: TranscriptStore) -> None:
    begun: Any = {"type": "agent_metadata", "agentType": "Explore"}
    entries = [begun, begun | {"finished": True}, prompt(1), begun | {"finished": 2}, prompt(2)]
    append(store, prompt(0))
    append(store, *entries[:3], key=AGENT)
    append(store, *entries[3:], key=AGENT)
    assert load(store, AGENT) == entries
    assert subkeys(store) == ["subagents/agent-1"]
    # It stands in no line of a file.
    lines = store.transcripts.lines(AGENT_TRANSCRIPT, limit=10)
    assert [event.line - UNNUMBERED for event in lines] == [0, 0, 1, 1, 2]


def test_mtime_moves_with_each_append(
    tmp_path: Path, postgres_url: str, postgres_schema: str
) -> None:
    """It is the store's own clock, as entries without a time change a conversation too."""
    clock, long_ago = FrozenClock(), "2020-01-01T00:00:00.000Z"
    for store in (
        MemoryStore(clock=clock),
        SqliteStore.open(tmp_path / "memva.db", clock=clock),
        PostgresStore.open(postgres_url, schema=postgres_schema, clock=clock),
    ):
        with store:
            mtimes = []
            for entry in (prompt(1, timestamp=long_ago), TITLE, MODE, TITLE):
                append(store, entry)
                mtimes.append(listed(store)[CLAUDE])
                clock.advance(timedelta(milliseconds=1))
            append(store, prompt(2), key=AGENT)
            assert [mtime - mtimes[0] for mtime in mtimes] == [0, 1, 2, 3]
            assert listed(store) == {CLAUDE: mtimes[-1]}


def test_summaries_go_on_where_they_ended(store: TranscriptStore) -> None:
    entries = [prompt(n) for n in range(450)]
    for begin in range(0, 450, 90):
        append(store, *entries[begin : begin + 90], TITLE)
        append(store, prompt(1), key=AGENT)
    assert summaries(store) == {CLAUDE: folded(load(store))}


@pytest.mark.parametrize("store", [None, "memva.db", Path("memva.db")])
def test_what_is_no_store_is_refused_before_anything_is_lost(store: Any) -> None:
    with pytest.raises(InvalidValue, match="store must be a store with transcripts"):
        MemvaSessionStore(store)


def test_it_says_what_is_wrong_with_the_store(store: TranscriptStore) -> None:
    store.close()
    with pytest.raises(StoreUnavailable):
        append(store, prompt(1))
