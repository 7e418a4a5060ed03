"""Each store finds what the in-memory store finds, whatever happened to the events before."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.twins import FEW, Opens, Place, on_sqlite

from memva import Event, SearchableStore, search_events
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import search as postgres_search
from memva.adapters.sqlite import search, search_index
from memva.testing import sample_event, sample_session
from memva.testing.clock import START

WORDS = ["login", "log", "Login.py", "café", "cafe", "東京", "로그인", "ß", "x" * 70, "a\ud800b"]
# JSON reads two surrogates as one character, here a Chinese one.
WORDS += ["\ud840\udc00", "\U00020000"]
texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
queries = st.one_of(
    st.lists(st.sampled_from([*WORDS, '"log', 'cafe"', "log*", "京", "*", '"']), max_size=4).map(
        " ".join
    ),
    st.text(),
)
events = st.builds(
    lambda uuid, session, subpath, line, milliseconds, text, kind, side, association: sample_event(
        uuid=uuid,
        session_id=session,
        subpath=subpath,
        line=line,
        timestamp=START + timedelta(milliseconds=milliseconds) / 2,
        event_type=kind,
        is_sidechain=side,
        data={"message": {"role": kind, "content": text}},
        memva_session_id=association,
    ),
    uuid=st.sampled_from("abcdefgh"),
    session=st.sampled_from(["claude-1", "claude-2"]),
    subpath=st.sampled_from(["", "sub"]),
    line=st.integers(0, 3),
    milliseconds=st.integers(-2, 3),
    text=texts,
    kind=st.sampled_from(["user", "assistant", "error"]),
    side=st.booleans(),
    association=st.sampled_from([None, "session-1", "session-2"]),
)
narrowings = st.fixed_dictionaries(
    {},
    optional={
        "session_id": st.sampled_from(["session-1", "session-2"]),
        "claude_session_id": st.sampled_from(["claude-1", "claude-2"]),
        "event_types": st.sampled_from([["user"], ["user", "assistant"], []]),
        "is_sidechain": st.booleans(),
        "since": st.sampled_from([START, START + timedelta(microseconds=500)]),
        "until": st.sampled_from([START, START + timedelta(microseconds=500)]),
    },
)
steps = st.one_of(
    st.tuples(st.just("append"), st.lists(events, max_size=6)),
    st.tuples(st.just("undone"), st.lists(events, max_size=6)),
    st.tuples(st.just("associate"), st.sampled_from("abcdefgh")),
    st.tuples(st.just("delete"), st.sampled_from(["session-1", "session-2"])),
    st.tuples(st.just("reopen"), st.booleans()),
    st.tuples(st.just("search"), queries),
)


class Twins:
    """Both stores, and the same steps for both."""

    def __init__(self, opens: Opens) -> None:
        self.opens = opens
        self.memory = MemoryStore()
        self.other = opens()
        for store in (self.memory, self.other):
            for id_ in ("session-1", "session-2"):
                store.sessions.add(sample_session(id=id_))

    def take(self, kind: str, value: Any) -> None:
        """Take one step, which may fail on both stores alike."""
        match kind:
            case "append":
                assert self.memory.events.append(value) == self.other.events.append(value)
            case "undone":
                for store in (self.memory, self.other):
                    try:
                        with store.transaction():
                            store.events.append(value)
                            if store is self.memory or self.searchable:
                                search_events(store, "login")
                            raise KeyError
                    except KeyError:
                        continue
            case "associate":
                for store in (self.memory, self.other):
                    store.events.associate([value], "session-2")
            case "delete":
                for store in (self.memory, self.other):
                    store.sessions.delete(value)
                    store.sessions.add(sample_session(id=value))
            case "reopen":
                self.reopen(search=value)
            case _ if self.searchable:
                self.compare(value, {})

    def reopen(self, *, search: bool) -> None:
        """Open the other one anew."""
        self.searchable = search
        self.other.close()
        self.other = self.opens(search=search)

    searchable = True

    def compare(self, query: str, narrowing: dict[str, Any]) -> None:
        """Both find the same events in the same order, page by page."""
        expected = found(self.memory, query, narrowing)
        assert found(self.other, query, narrowing) == expected
        ranked = search_events(self.other, query, ranked=True, limit=99, **narrowing)
        assert sorted(key(hit.event) for hit in ranked) == sorted(expected)

    def close(self) -> None:
        self.memory.close()
        self.other.close()


def key(event: Event) -> tuple[str, ...]:
    return (event.uuid, *event.transcript)


def found(store: SearchableStore, query: str, narrowing: dict[str, Any]) -> list[tuple[str, ...]]:
    page = search_events(store, query, limit=3, **narrowing)
    keys = [key(hit.event) for hit in page]
    while page.next is not None:
        page = search_events(store, query, limit=3, after=page.next, **narrowing)
        keys += [key(hit.event) for hit in page]
    return keys


@contextmanager
def twins(place: Place) -> Iterator[Twins]:
    with ExitStack() as stack:
        # So small that these histories come to all the places where the index is brought on.
        stack.enter_context(patch.object(search_index, "_ARREARS", 4))
        for module in (search, postgres_search):
            stack.enter_context(patch.object(module, "_AT_ONCE", 3))
        both = Twins(stack.enter_context(place()))
        stack.callback(both.close)
        yield both


histories = st.lists(steps, max_size=12)


@given(histories, queries, narrowings, st.booleans())
def test_stores_agree(
    history: list[tuple[str, Any]], query: str, narrowing: dict[str, Any], snapshot: bool
) -> None:
    compare(on_sqlite, history, query, narrowing, snapshot=snapshot)


@settings(max_examples=FEW)
@given(histories, queries, narrowings, st.booleans())
def test_server_agrees(
    on_server: Place,
    history: list[tuple[str, Any]],
    query: str,
    narrowing: dict[str, Any],
    snapshot: bool,
) -> None:
    compare(on_server, history, query, narrowing, snapshot=snapshot)


def compare(
    place: Place,
    history: list[tuple[str, Any]],
    query: str,
    narrowing: dict[str, Any],
    *,
    snapshot: bool,
) -> None:
    with twins(place) as both:
        for kind, value in history:
            both.take(kind, value)
        if not both.searchable:
            both.reopen(search=True)
        if snapshot:
            with both.other.snapshot():
                both.compare(query, narrowing)
        both.compare(query, narrowing)
        for word in ("log*", "cafe", "京", "ss", "\U00020000"):
            both.compare(word, {})
