"""What a store promises of searching: it finds what `matches` says, whatever happened before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

import pytest

from memva.domain.abilities import SearchableStore
from memva.domain.errors import InvalidValue, SessionNotFound, StoreUnavailable
from memva.domain.event import Event
from memva.domain.search_page import SearchCursor
from memva.services.search import SearchPage, build_search_index, search_events
from memva.testing.clock import START
from memva.testing.samples import sample_event, sample_session

LONG: Final = 30.0
MANY: Final = 1_200
"""More events than an index should be behind by."""


def said(uuid: str, text: str, **fields: Any) -> Event:
    """Return a prompt."""
    data = {"type": "user", "message": {"role": "user", "content": text}}
    return sample_event(**{"uuid": uuid, "data": data, **fields})


def found(store: SearchableStore, query: str, **options: Any) -> list[str]:
    """Return the uuids of all that a search finds, page by page."""
    page = search_events(store, query, **options)
    uuids = _uuids(page)
    while page.next is not None:
        page = search_events(store, query, **options, after=page.next)
        uuids += _uuids(page)
    return uuids


def _uuids(page: SearchPage) -> list[str]:
    return [hit.event.uuid for hit in page]


class SearchContract:
    """Searching events. The fixture `store` is a `SearchableStore`."""

    @pytest.mark.parametrize(
        ("text", "queries", "others"),
        [
            (
                "Fix login.py",
                ["login", "LOGIN.py", "fix py", '"fix login"', "log*"],
                ["log", "fixe"],
            ),
            ("the user_name is here", ["user_name", "name user", '"the user"'], ['"user the"']),
            ("a café in Zürich", ["cafe", "CAFÉ", "cafe\u0301", "zurich", "zür*"], ["caf"]),
            ("東京でログイン", ["東京", "京", "ログイン", '"東京で"'], ["京東", "ロンドン"]),
            ("로그인을 고쳐", ["로그인", "로그*"], ["인로"]),
            ("one two one three", ['"one three"', '"two one thr"*', "one"], ['"one one"', "thr"]),
            ("NOT a AND b OR c NEAR d", ["NOT", "and b", "near"], ["x OR a", "NOT x"]),
            (
                "words:login {all} ^first",
                ["words:login", "^first", "-all"],
                ['"login words"', "none:words"],
            ),
        ],
    )
    def test_query_finds_what_it_says(
        self, store: SearchableStore, text: str, queries: list[str], others: list[str]
    ) -> None:
        """Words, phrases, beginnings, accents and scripts without spaces, and nothing else."""
        store.events.append([said("it", text), said("other", "something else")])
        for query in queries:
            assert (query, found(store, query)) == (query, ["it"])
        for query in others:
            assert (query, found(store, query)) == (query, [])

    @pytest.mark.parametrize(
        "query",
        [
            *("", " ", '"', '""', "*", '"*', "a*b", "(", "a AND", '"a" NOT', "a:b", "'", ";--"),
            *(
                "\x00",
                "\ud800",
                "a\ud800b",
                "%",
                "{a}:",
                "^",
                "NEAR(a b)",
                "a" * 5_000,
                "a " * 5_000,
            ),
        ],
    )
    def test_anything_typed_is_a_query(self, store: SearchableStore, query: str) -> None:
        """No text is refused; one without words finds nothing."""
        store.events.append([said("it", "other words")])
        assert found(store, query) == []
        assert _uuids(search_events(store, query, ranked=True)) == []

    def test_what_people_remember_is_searched(self, store: SearchableStore) -> None:
        """Answers, commands and results are found; what nobody was told is not."""
        call = {"type": "tool_use", "name": "Bash", "input": {"command": "pytest -k login"}}
        thought = {"type": "thinking", "thinking": "perhaps", "signature": "Eq"}
        result = {"type": "tool_result", "content": "3 passed"}
        store.events.append(
            [
                sample_event(
                    uuid="called",
                    event_type="assistant",
                    data={"message": {"content": [thought, call]}},
                ),
                sample_event(uuid="gave", data={"message": {"content": [result]}}),
                sample_event(uuid="snapshot", event_type="file-history-snapshot", data={"a": "b"}),
            ]
        )
        assert found(store, "pytest login") == ["called"]
        assert found(store, "passed") == ["gave"]
        assert found(store, "perhaps") == found(store, "b") == []

    def test_filters_narrow(self, store: SearchableStore) -> None:
        """Session, Claude session, types, side and span each leave the others out."""
        for id_ in ("session-1", "session-2"):
            store.sessions.add(sample_session(id=id_))
        later = START + timedelta(hours=1)
        store.events.append(
            [
                said("one", "login", memva_session_id="session-1"),
                said("two", "login", memva_session_id="session-2", session_id="claude-2"),
                said("side", "login", is_sidechain=True),
                said("later", "login", timestamp=later),
                said("answer", "login", event_type="assistant"),
            ]
        )
        every = ["answer", "side", "two", "one"]
        assert found(store, "login") == ["later", *every]
        assert found(store, "login", session_id="session-1") == ["one"]
        assert found(store, "login", claude_session_id="claude-2") == ["two"]
        assert found(store, "login", session_id="session-1", claude_session_id="claude-2") == []
        assert found(store, "login", event_types=["assistant", "other"]) == ["answer"]
        assert found(store, "login", event_types=[]) == []
        assert found(store, "login", is_sidechain=True) == ["side"]
        others = {"is_sidechain": False, "event_types": ["user", "assistant"], "until": later}
        assert found(store, "login", **others) == ["answer", "two", "one"]
        assert found(store, "login", since=later) == ["later"]
        assert found(store, "login", until=later) == every
        moment = timedelta(microseconds=1)
        assert found(store, "login", since=START + moment, until=later - moment) == []
        assert found(store, "login", since=START, until=START + moment) == every
        assert found(store, "login", session_id="session-1", since=later) == []

    def test_association_narrows_at_once(self, store: SearchableStore) -> None:
        """What is associated later is found in its session, and in the one before no more."""
        for id_ in ("session-1", "session-2"):
            store.sessions.add(sample_session(id=id_))
        store.events.append([said("it", "login", memva_session_id="session-1")])
        assert found(store, "login", session_id="session-1") == ["it"]
        store.events.associate(["it"], "session-2")
        assert found(store, "login", session_id="session-1") == []
        assert found(store, "login", session_id="session-2") == ["it"]

    def test_unknown_session_is_told(self, store: SearchableStore) -> None:
        """A session that is not there is no empty result; Claude's may be one."""
        with pytest.raises(SessionNotFound):
            search_events(store, "login", session_id="nobody")
        assert found(store, "login", claude_session_id="nobody") == []

    def test_bad_arguments_are_named(self, store: SearchableStore) -> None:
        """What is no text, a limit below 1, and a cursor with the best, are refused."""
        with pytest.raises(InvalidValue, match="query"):
            # A host without a type checker is to be told as well.
            search_events(store, 5)  # type: ignore[arg-type]  # it is no text
        with pytest.raises(InvalidValue, match="limit"):
            search_events(store, "login", limit=0)
        with pytest.raises(InvalidValue, match="after"):
            search_events(store, "login", ranked=True, after=SearchCursor(0, 0))

    def test_newest_comes_first(self, store: SearchableStore) -> None:
        """Found events sort by time to the millisecond, then by position, the last first."""
        times = {"new": 9_000, "long ago": -(10**13), "old": -5, "a": 1, "older": -4_999, "b": 1}
        store.events.append(
            [
                said(uuid, "login", timestamp=START + timedelta(milliseconds=number))
                for uuid, number in times.items()
            ]
        )
        # A part of a millisecond decides nothing, the position does.
        hair = timedelta(microseconds=200)
        store.events.append(
            [said("c", "login", timestamp=START + timedelta(milliseconds=1) - hair)]
        )
        assert found(store, "login") == ["new", "c", "b", "a", "old", "older", "long ago"]

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
    def test_pages_of_hits_join_without_seams(self, store: SearchableStore, limit: int) -> None:
        """Pages of any size join to the whole, and the last one says so."""
        store.events.append([said(f"line-{number}", "login") for number in range(4)])
        assert found(store, "login", limit=limit) == ["line-3", "line-2", "line-1", "line-0"]

    def test_cursor_stays_good_while_events_come_and_go(self, store: SearchableStore) -> None:
        """What is committed, replaced or deleted between two pages makes none repeat or vanish."""
        store.sessions.add(sample_session())
        minute = timedelta(minutes=1)
        store.events.append(
            [
                said("1", "login", timestamp=START),
                said("2", "login", timestamp=START + minute),
                said("3", "login", timestamp=START + minute, memva_session_id="session-1"),
                said("4", "login", timestamp=START + 2 * minute),
            ]
        )
        first = search_events(store, "login", limit=2)
        assert _uuids(first) == ["4", "3"]
        store.events.append([said("5", "login", timestamp=START + 3 * minute)])
        store.events.append([said("0", "login", timestamp=START - minute)])
        store.sessions.delete("session-1")
        second = search_events(store, "login", limit=2, after=first.next)
        assert _uuids(second) == ["2", "1"]
        assert _uuids(search_events(store, "login", limit=2, after=second.next)) == ["0"]

    @pytest.mark.parametrize("cursor", [(10**30, 1), (-(10**30), 1), (0, 10**30), (0, -(10**30))])
    def test_any_cursor_is_a_place(self, store: SearchableStore, cursor: tuple[int, int]) -> None:
        """A cursor that no page has is a place before or after all there is."""
        store.events.append([said("it", "login")])
        page = search_events(store, "login", after=SearchCursor(*cursor))
        assert _uuids(page) == (["it"] if cursor[0] > 0 else [])

    def test_largest_limit_gives_all_hits(self, store: SearchableStore) -> None:
        """A limit as large as limits may be narrows nothing."""
        store.events.append([said("a", "login"), said("b", "login")])
        assert len(search_events(store, "login", limit=2**63 - 1)) == 2
        assert len(search_events(store, "login", ranked=True, limit=2**63 - 1)) == 2

    def test_ranked_prefers_who_says_it_more_often(self, store: SearchableStore) -> None:
        """Of texts of one length the one with more of it comes first; ties newest first."""
        store.events.append(
            [
                said("two", "login login x x"),
                said("one", "login x x x"),
                said("three", "login login login x"),
                said("none", "x x x x"),
                said("two too", "x login x login"),
            ]
        )
        page = search_events(store, "login", ranked=True)
        assert _uuids(page) == ["three", "two too", "two", "one"]
        assert page.next is None
        assert _uuids(search_events(store, "login", ranked=True, limit=2)) == ["three", "two too"]
        with store.snapshot():
            assert _uuids(search_events(store, "login", ranked=True)) == _uuids(page)

    def test_ranked_is_blind_to_sides(self, store: SearchableStore) -> None:
        """Of equal texts the newest comes first, whoever said them."""
        minute = timedelta(minutes=1)
        store.events.append(
            [
                said("main", "login", timestamp=START),
                said("subagent's", "login", timestamp=START + minute, is_sidechain=True),
                said("main again", "login", timestamp=START + 2 * minute),
            ]
        )
        page = search_events(store, "login", ranked=True)
        assert _uuids(page) == ["main again", "subagent's", "main"]

    def test_ranked_is_blind_to_types(self, store: SearchableStore) -> None:
        """An event of a rare type is no better for it, where several types are asked for."""
        store.events.append([said(str(n), f"word {n} x x") for n in range(50)])
        store.events.append([said("two", "login login x x")])
        store.events.append([said("one", "login x x x", event_type="assistant")])
        types = ["user", "assistant"]
        page = search_events(store, "login", ranked=True, event_types=types)
        assert _uuids(page) == ["two", "one"]

    def test_hits_come_with_their_snippets(self, store: SearchableStore) -> None:
        """A snippet shows the part of the text that was found, with the hits marked."""
        store.events.append([said("it", f"{'before ' * 90}the Café{' after' * 90}")])
        [hit] = search_events(store, "cafe")
        [span] = hit.snippet.hits
        assert hit.snippet.text[span.start : span.end] == "Café"
        assert hit.event == store.events.get(said("it", "").key)

    def test_replaced_version_is_found_by_its_own_words(self, store: SearchableStore) -> None:
        """The words of a version that was replaced find nothing any more."""
        store.events.append([said("it", "draft"), said("other", "draft")])
        assert found(store, "draft") == ["other", "it"]
        store.events.append([said("it", "final", line=1)])
        assert found(store, "draft") == ["other"]
        assert found(store, "final") == ["it"]

    def test_deleted_session_is_not_found(self, store: SearchableStore) -> None:
        """Nothing of a deleted session is found, and the rest still is."""
        store.sessions.add(sample_session())
        ours = [said(f"ours-{n}", "login", memva_session_id="session-1") for n in range(3)]
        store.events.append([*ours, said("theirs", "login")])
        assert len(found(store, "login")) == 4
        store.sessions.delete("session-1")
        assert found(store, "login") == ["theirs"]
        store.events.append([said("ours-0", "login")])
        assert found(store, "login") == ["ours-0", "theirs"]

    def test_what_is_committed_before_is_found(self, store: SearchableStore) -> None:
        """Every event that was committed before a search is found by it, by whatever thread."""
        with ThreadPoolExecutor(1) as other:
            for number in range(5):
                store.events.append([said(f"line-{number}", "login")])
                assert len(other.submit(found, store, "login").result(LONG)) == number + 1
                with store.snapshot():
                    assert len(found(store, "login")) == number + 1

    def test_many_events_are_found(self, store: SearchableStore) -> None:
        """However far an index is behind, single appends and large ones are all found."""
        store.events.append([said(f"line-{n}", f"login {n}") for n in range(MANY)])
        for n in range(MANY, MANY + 9):
            store.events.append([said(f"line-{n}", f"login {n}")])
        assert len(found(store, "login", limit=500)) == MANY + 9
        assert found(store, "login 7") == ["line-7"]
        assert found(store, f"login {MANY + 1}") == [f"line-{MANY + 1}"]

    def test_transaction_finds_its_own_events_and_nobody_else_does(
        self, store: SearchableStore
    ) -> None:
        """A transaction's events are found in it; elsewhere once they are committed, or never."""
        store.events.append([said("before", "login")])
        with ThreadPoolExecutor(1) as other:

            def elsewhere() -> list[str]:
                with store.snapshot():
                    return found(store, "login")

            with pytest.raises(KeyError), store.transaction():
                store.events.append([said("undone", "login")])
                assert found(store, "login") == ["undone", "before"]
                assert other.submit(elsewhere).result(LONG) == ["before"]
                raise KeyError
            assert found(store, "login") == ["before"]
            store.events.append([said("after", "login")])
            assert other.submit(elsewhere).result(LONG) == ["after", "before"]

    def test_undone_savepoint_is_not_found(self, store: SearchableStore) -> None:
        """What an inner transaction undid is not found, though the outer one searched meanwhile."""
        with store.transaction():
            store.events.append([said("kept", "login")])
            with pytest.raises(KeyError), store.transaction():
                store.events.append([said("undone", "login")])
                assert found(store, "login") == ["undone", "kept"]
                raise KeyError
            assert found(store, "login") == ["kept"]
            store.events.append([said("more", "login")])
        assert found(store, "login") == ["more", "kept"]

    def test_closed_store_is_not_searched(self, store: SearchableStore) -> None:
        """On a closed store every search is refused, be it for nothing."""
        store.close()
        for query in ("login", ""):
            with pytest.raises(StoreUnavailable):
                search_events(store, query)
            with pytest.raises(StoreUnavailable):
                search_events(store, query, ranked=True)
        with pytest.raises(StoreUnavailable):
            build_search_index(store)

    def test_long_queries_are_no_error(self, store: SearchableStore) -> None:
        """As many words and types as there may be make a query as any other."""
        store.events.append([said("it", " ".join(f"word{n}" for n in range(200)))])
        query = " ".join(f"word{n}*" for n in range(200))
        types = [f"type {n}" for n in range(49)]
        assert found(store, query, event_types=[*types, "user"], is_sidechain=False) == ["it"]
        assert found(store, query, event_types=[*types, *"abcde", "user"]) == ["it"]
        assert found(store, query, event_types=types, is_sidechain=True) == []

    def test_building_is_told_and_comes_to_an_end(self, store: SearchableStore) -> None:
        """Building brings the index up to date, tells how far it is, and then has nothing to do."""
        store.events.append([said(f"line-{n}", "login") for n in range(30)])
        told: list[tuple[int, int]] = []
        done = build_search_index(store, on_progress=lambda *progress: told.append(progress))
        assert told[-1] == (done, done)
        assert build_search_index(store) == 0
        assert len(found(store, "login")) == 30
