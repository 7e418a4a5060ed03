"""What a store promises that counts: figures that are always those of the events that are there."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta, timezone
from typing import Any

import attrs
import pytest

from memva.domain.abilities import CountingStore
from memva.domain.errors import InvalidValue, SessionNotFound
from memva.domain.stats import session_stats
from memva.services.counts import (
    get_session_stats,
    get_stats_of_sessions,
    get_usage,
    list_session_summaries,
)
from memva.services.sessions import list_sessions
from memva.testing.clock import START
from memva.testing.contract.count_histories import (
    UNDER_WAY,
    answer,
    conversation,
    counted_slowly,
    resumed,
    said,
    slow_stats,
    tool,
)
from memva.testing.samples import sample_event, sample_session

MINUTE = timedelta(minutes=1)


class CountContract:
    """Counting. The fixture `store` is a `CountingStore`, empty and open."""

    @pytest.fixture
    def sessions(self, store: CountingStore) -> list[str]:
        """Add three sessions to the store."""
        ids = ["session-1", "session-2", "session-3"]
        for number, id_ in enumerate(ids):
            store.sessions.add(sample_session(id=id_, updated_at=START + number * MINUTE))
        return ids

    def _check(self, store: CountingStore, sessions: Iterable[str]) -> None:
        """Compare all figures with what the events give, read one by one."""
        there = {session.id for session in list_sessions(store, archived=None)}
        stats = get_stats_of_sessions(store, list(sessions))
        assert stats == {id_: slow_stats(store, id_) for id_ in sessions if id_ in there}
        total = get_usage(store).total
        assert (total.responses, total.usage) == counted_slowly(store)

    def test_response_counts_once(self, store: CountingStore, sessions: list[str]) -> None:
        """A response counts once, however many lines repeat it; what is not final is told."""
        store.events.append(conversation("claude-1", "session-1"))
        stats = get_session_stats(store, "session-1")
        assert stats.events == {"assistant": 7, "user": 1}
        assert stats.turns == 1
        assert (stats.tools, stats.sidechain_tools) == (
            {"Read": 1, "Bash": 1, "Grep": 1},
            {"Grep": 1},
        )
        assert stats.models == ("claude-a", "claude-b")
        assert stats.usage.responses == 4
        assert stats.usage.usage.output_tokens == 5 + 30 + 1 + 4
        assert stats.usage.sidechain_responses == 1
        assert (stats.usage.provisional_responses, stats.usage.is_final) == (1, False)
        assert stats.context_tokens == 8 + 3
        self._check(store, sessions)

    def test_counts_of_nothing(self, store: CountingStore, sessions: list[str]) -> None:
        """A session without events amounts to nothing; one that is not there is left out."""
        empty = session_stats([])
        assert get_stats_of_sessions(store, ["session-2", "none", "a\x00\ud800", "session-1"]) == {
            "session-2": empty,
            "session-1": empty,
        }
        assert get_stats_of_sessions(store, []) == {}
        assert store.counts.latest_messages(["session-1", "none", "a\x00"]) == {}
        for id_ in ("none", "a\x00"):
            with pytest.raises(SessionNotFound):
                get_session_stats(store, id_)
        with pytest.raises(InvalidValue):
            get_stats_of_sessions(store, "session-1")

    def test_appending_again_counts_once(self, store: CountingStore, sessions: list[str]) -> None:
        """What is appended again, or in pieces in any order, is counted once."""
        events = conversation("claude-1", "session-1")
        store.events.append(events[4:])
        store.events.append(events)
        for event in reversed(events):
            store.events.append([event])
        assert get_session_stats(store, "session-1").usage.responses == 4
        self._check(store, sessions)

    def test_superseded_version_is_not_counted(
        self, store: CountingStore, sessions: list[str]
    ) -> None:
        """A version that replaces another is counted in its place."""
        streamed = answer(
            (100, 1, 0, 0),
            stop=UNDER_WAY,
            uuid="2",
            line=0,
            content=[tool("Read", "t1")],
            memva_session_id="session-1",
        )
        beside = answer((90, 1, 0, 0), stop=UNDER_WAY, uuid="3", line=0)
        store.events.append([streamed, attrs.evolve(beside, memva_session_id="session-1")])
        assert get_usage(store).total.provisional_responses == 1
        self._check(store, sessions)
        store.events.append([answer((80, 7, 0, 0), uuid="2", line=5, project_key="-app")])
        stats = get_session_stats(store, "session-1")
        assert (stats.usage.usage.output_tokens, stats.usage.is_final) == (7, True)
        assert (stats.tools, stats.usage.responses) == ({}, 1)
        self._check(store, sessions)

    def test_copies_count_once(self, store: CountingStore, sessions: list[str]) -> None:
        """A response that forks and resumes repeat counts once in all, and once in each session."""
        events = conversation("claude-1", "session-1")
        store.events.append(events)
        alone = get_usage(store).total
        store.events.append(conversation("claude-2", "session-2"))
        store.events.append(resumed(events, "claude-3", "session-2"))
        store.events.append(resumed(events, "claude-4", None))
        assert get_usage(store).total == alone
        one, other = (get_session_stats(store, id_) for id_ in ("session-1", "session-2"))
        assert one.usage == other.usage == alone
        assert one.tools == other.tools
        assert other.events["assistant"] == 2 * one.events["assistant"]
        self._check(store, sessions)

    @pytest.mark.parametrize("deleted", ["session-1", "session-2"])
    def test_deleting_a_copy_leaves_the_other_counted(
        self, store: CountingStore, sessions: list[str], deleted: str
    ) -> None:
        """With a fork or its parent deleted, what the other has is counted in full."""
        parent = conversation("claude-1", "session-1")
        store.events.append(parent)
        store.events.append(
            [*conversation("claude-2", "session-2")[:4], *resumed(parent[4:], "2", "session-2")]
        )
        store.events.append(
            [
                answer(response="more", uuid="9", line=9, memva_session_id="session-1"),
                answer(
                    response="other",
                    uuid="9",
                    line=9,
                    session_id="claude-2",
                    memva_session_id="session-2",
                ),
            ]
        )
        self._check(store, sessions)
        assert get_usage(store).total.responses == 6
        store.sessions.delete(deleted)
        assert get_usage(store).total.responses == 5
        self._check(store, sessions)
        store.sessions.add(sample_session(id=deleted))
        assert get_session_stats(store, deleted) == session_stats([])

    def test_counts_follow_associations(self, store: CountingStore, sessions: list[str]) -> None:
        """What is associated with another session is counted there; the total stays."""
        store.events.append(conversation("claude-1", None))
        store.events.append(conversation("claude-2", "session-1"))
        total = get_usage(store).total
        # Lines of one response, some in one session and some in another, or in none.
        for uuids, session_id, claude_session in (
            (["2", "5", "7"], "session-2", "claude-1"),
            (["2", "3"], "session-3", None),
            (["3", "4", "none"], "session-2", "claude-2"),
            ([str(number) for number in range(9)], "session-1", None),
        ):
            store.events.associate(uuids, session_id, session_id=claude_session)
            assert get_usage(store).total == total
            self._check(store, sessions)
        assert get_session_stats(store, "session-1").events == {"assistant": 14, "user": 2}
        assert get_usage(store, by="session").groups == {"session-1": total}

    def test_counts_are_never_behind(self, store: CountingStore, sessions: list[str]) -> None:
        """However often and in how large a session somebody looked, figures are never behind."""
        many = [
            answer(response=f"r{n}", uuid=f"u{n}", line=n, memva_session_id="session-1")
            for n in range(1, 1_200)
        ]
        store.events.append(many)

        def look() -> int:
            looks = {get_session_stats(store, "session-1").usage.responses for _ in range(4)}
            assert len(looks) == 1
            return looks.pop()

        assert look() == 1_199
        store.events.append(
            [answer(response="new", uuid="new", line=1_200, memva_session_id="session-1")]
        )
        assert look() == 1_200
        store.events.associate(["new", "u1"], "session-2")
        assert look() == 1_198
        store.events.associate(["new"], "session-1")
        assert look() == 1_199
        assert get_session_stats(store, "session-2").usage.responses == 1
        store.sessions.delete("session-1")
        store.sessions.add(sample_session())
        assert look() == 0

    def test_counts_in_a_transaction(self, store: CountingStore, sessions: list[str]) -> None:
        """A transaction counts its own events; undone, they count for nobody."""
        store.events.append(conversation("claude-1", "session-1"))
        before = get_session_stats(store, "session-1"), get_usage(store)
        with pytest.raises(SessionNotFound), store.transaction():
            store.events.append(resumed(conversation("x", None), "claude-2", "session-1"))
            assert get_session_stats(store, "session-1").turns == 2
            store.events.associate(["2", "3", "8"], "session-2")
            assert get_session_stats(store, "session-2").usage.responses == 2
            store.sessions.delete("none")
        assert (get_session_stats(store, "session-1"), get_usage(store)) == before
        self._check(store, sessions)

    def test_counts_in_a_snapshot(self, store: CountingStore, sessions: list[str]) -> None:
        """A snapshot counts what there was at its moment."""
        store.events.append(conversation("claude-1", "session-1"))
        later = resumed(conversation("x", None), "claude-2", "session-2")
        with ThreadPoolExecutor(1) as other, store.snapshot():
            other.submit(store.events.append, [*later, answer(response="new", uuid="new")]).result()
            turns = [stats.turns for stats in get_stats_of_sessions(store, sessions).values()]
            assert turns == [1, 0, 0]
            assert get_usage(store).total.responses == 4
            assert store.counts.latest_messages(sessions).keys() == {"session-1"}
        assert get_session_stats(store, "session-2").turns == 1
        assert get_usage(store).total.responses == 5

    def test_reported_costs(self, store: CountingStore, sessions: list[str]) -> None:
        """Costs are those that Claude Code reported, of each of its sessions, in their order."""
        store.events.append(
            [
                sample_event(
                    event_type="result",
                    uuid=f"{place}",
                    line=line,
                    session_id=session_id,
                    memva_session_id="session-1",
                    data={"total_cost_usd": usd},
                )
                for place, (session_id, line, usd) in enumerate(
                    [("b", 3, 0.25), ("a", 1, 1.0), ("b", 1, 0.5), ("b", 2, 2), ("b", 4, 0.375)]
                )
            ]
        )
        costs = get_session_stats(store, "session-1").reported_costs
        assert [(cost.session_id, cost.usd) for cost in costs] == [("a", 1.0), ("b", 2.375)]
        self._check(store, sessions)

    def test_usage_in_groups(self, store: CountingStore, sessions: list[str]) -> None:
        """A report has groups that add up to its total, by day of any calendar, and by the rest."""
        store.events.append(conversation("claude-1", "session-1"))
        store.events.append(
            [answer(response="later", uuid="9", timestamp=START + timedelta(days=1), line=9)]
        )
        assert get_usage(store, by="model").groups.keys() == {"claude-a", "claude-b"}
        assert get_usage(store, by="session").groups.keys() == {"claude-1", "session-1"}
        assert get_usage(store, by="project").groups.keys() == {"app"}
        days = get_usage(store, by="day").groups
        assert [totals.responses for totals in days.values()] == [4, 1]
        west = get_usage(store, by="day", tz=timezone(timedelta(hours=-12))).groups
        assert list(west) == [
            (START + timedelta(days=day, hours=-12)).date().isoformat() for day in (0, 1)
        ]
        with pytest.raises(InvalidValue):
            # A host without a type checker is to be told as well.
            get_usage(store, by="week")  # type: ignore[arg-type]  # it is no `UsageBy`

    def test_usage_in_a_span(self, store: CountingStore, sessions: list[str]) -> None:
        """A span leaves the choice among copies as it is: it asks when the one that counts was."""
        store.events.append(
            [
                answer((1, 5, 0, 0), uuid="a", timestamp=START + MINUTE),
                answer((1, 9, 0, 0), uuid="b", session_id="claude-2", timestamp=START),
                answer((1, 7, 0, 0), uuid="c", session_id="claude-3", timestamp=START + MINUTE),
                answer((2, 2, 0, 0), uuid="d", line=2, response="n", timestamp=START + MINUTE),
            ]
        )

        def written(**span: Any) -> int:
            return get_usage(store, **span).total.usage.output_tokens

        assert written() == 11
        assert written(since=START + MINUTE) == 2
        assert written(until=START + MINUTE) == written(since=START, until=START + MINUTE) == 9
        assert written(since=START + 2 * MINUTE) == 0
        assert len(store.counts.responses(since=START + MINUTE)) == 4
        assert len(store.counts.responses(until=START + MINUTE)) == 3

    def test_latest_message(self, store: CountingStore, sessions: list[str]) -> None:
        """The latest message is the last prompt, command or answer of the main conversation."""

        def latest() -> str | None:
            return getattr(store.counts.latest_messages(sessions).get("session-1"), "uuid", None)

        def add(uuid: str, line: int, **fields: Any) -> str | None:
            fields = {"memva_session_id": "session-1", **fields}
            store.events.append([sample_event(uuid=uuid, line=line, **fields)])
            return latest()

        def typed(text: Any) -> dict[str, Any]:
            return {"message": {"content": text}}

        text = {"event_type": "assistant", "data": typed([said("Hi")])}
        assert latest() is None
        assert add("note", 1, data={"isMeta": True, **typed("note")}) is None
        assert add("prompt", 2, data=typed("Fix it.")) == "prompt"
        assert add("tool", 3, data=typed([{"type": "tool_result"}])) == "prompt"
        assert add("blank", 4, event_type="assistant", data=typed([said(" ")])) == "prompt"
        assert add("answer", 5, **text) == "answer"
        assert add("subagent", 6, is_sidechain=True, subpath="subagents/a", **text) == "answer"
        command = typed("<command-name>/compact</command-name>")
        assert add("command", 8, data=command) == "command"
        # Lines, not clocks, say what is last in a transcript.
        assert add("before", 7, timestamp=START + MINUTE, **text) == "command"
        # What is counted of another line makes it no message.
        assert add("cost", 10, event_type="result", data={"total_cost_usd": 1}) == "command"
        assert add("elsewhere", 11, memva_session_id="session-2", **text) == "command"
        store.events.associate(["elsewhere"], "session-1")
        assert latest() == "elsewhere"
        found = store.counts.latest_messages(sessions)["session-1"]
        assert found == store.events.get(found.key)

    def test_session_summaries(self, store: CountingStore, sessions: list[str]) -> None:
        """A list of sessions has what each amounts to and its latest message."""
        store.events.append(conversation("claude-1", "session-1"))
        store.sessions.update(store.sessions.get("session-2").archived(now=START))
        summaries = list_session_summaries(store)
        assert [summary.session.id for summary in summaries] == ["session-3", "session-1"]
        assert [summary.stats for summary in summaries] == [
            slow_stats(store, "session-3"),
            slow_stats(store, "session-1"),
        ]
        messages = [summary.latest_message for summary in summaries]
        assert [message and message.uuid for message in messages] == [None, "5"]
        page = list_session_summaries(store, limit=1)
        assert [summary.session.id for summary in page] == ["session-3"]
        rest = list_session_summaries(store, after=page.next, limit=1)
        assert ([summary.session.id for summary in rest], rest.next) == (["session-1"], None)
        assert len(list_session_summaries(store, archived=None)) == 3
        with pytest.raises(InvalidValue):
            list_session_summaries(store, limit=0)

    def test_what_json_changes_is_counted_as_it_was_stored(
        self, store: CountingStore, sessions: list[str]
    ) -> None:
        """Tuples, and two surrogates that are one character, count as they will be read."""
        line = answer(response="\ud83d\ude00", memva_session_id="session-1")
        data: Any = {**line.data}
        data["message"] = {**data["message"], "content": (tool("Read", "t1"), said("Hi"))}
        store.events.append([attrs.evolve(line, data=data)])
        self._check(store, sessions)
        assert get_session_stats(store, "session-1").tools == {"Read": 1}
        assert list(store.counts.latest_messages(sessions)) == ["session-1"]
        store.events.associate([line.uuid], "session-2")
        self._check(store, sessions)
        store.sessions.delete("session-2")
        assert store.counts.responses() == []

    def test_odd_text_is_counted(self, store: CountingStore, sessions: list[str]) -> None:
        """Names and ids that are odd are counted, with what no database takes replaced."""
        store.events.append(
            [
                answer(
                    model="claude\x00\N{ROCKET}",
                    response="msg'\"\N{SNOWMAN}",
                    content=[tool("\ud800", "t\x00"), tool("\ud800", "t\ud800"), tool("'", "")],
                    memva_session_id="session-1",
                )
            ]
        )
        stats = get_session_stats(store, "session-1")
        assert stats.models == ("claude\N{REPLACEMENT CHARACTER}\N{ROCKET}",)
        assert stats.tools == {"\N{REPLACEMENT CHARACTER}": 2, "'": 1}
        self._check(store, sessions)
