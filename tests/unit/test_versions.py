"""The choice between versions is a total order, blind to which came first."""

from datetime import timedelta
from functools import reduce
from itertools import permutations, product
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memva import Event
from memva.domain.versions import counterpart, is_final, merged, preferred, reconcile
from memva.testing import sample_event
from memva.testing.clock import START


def assistant(text: str = "x", *, stop: str | None = "end_turn", **fields: Any) -> Event:
    data = {"message": {"content": text, "stop_reason": stop}}
    return sample_event(**{"event_type": "assistant", "data": data, "line": 1, **fields})


RANKED = [
    assistant("a long streamed text", line=0),
    assistant("a long provisional text", stop=None),
    assistant("poor"),
    assistant("poos"),
    assistant("fuller"),
]
"""From the least to the most preferred."""


@pytest.mark.parametrize(("worse", "better"), [(1, 1.0), (1, True)])
def test_numbers_that_python_takes_for_equal_are_told_apart(worse: object, better: object) -> None:
    one, other = (sample_event(data={"x": value}) for value in (worse, better))
    assert repr(merged(one, other).data) == repr(merged(other, one).data) == repr(other.data)


@pytest.mark.parametrize(
    ("worse", "better"),
    [(RANKED[i], RANKED[j]) for i, j in product(range(5), repeat=2) if i < j],
)
def test_preference(worse: Event, better: Event) -> None:
    assert preferred(worse, better) == better
    assert preferred(better, worse) == better


versions = st.builds(
    sample_event,
    event_type=st.sampled_from(["user", "assistant"]),
    timestamp=st.integers(0, 2).map(lambda n: START + timedelta(seconds=n)),
    line=st.integers(0, 2),
    cwd=st.sampled_from(["/a", "/b"]),
    parent_uuid=st.sampled_from([None, "p"]),
    subpath=st.sampled_from(["", "sub"]),
    data=st.fixed_dictionaries(
        {"message": st.fixed_dictionaries({"stop_reason": st.sampled_from([None, "end_turn"])})},
        optional={"more": st.integers(0, 1)},
    ),
)


@given(st.lists(versions, min_size=2, max_size=4))
def test_outcome_is_the_same_in_any_order(arriving: list[Event]) -> None:
    outcomes = [reduce(preferred, order) for order in permutations(arriving)]
    assert all(outcome == outcomes[0] for outcome in outcomes)


def test_only_an_answer_under_way_is_not_final() -> None:
    assert not is_final(assistant(stop=None))
    assert is_final(assistant())
    assert is_final(sample_event(data={"message": {"stop_reason": None}}))
    assert is_final(sample_event(event_type="assistant", data={}))


def test_merging_keeps_the_stored_object_where_nothing_changes() -> None:
    stored = assistant(position=5)
    assert merged(stored, assistant()) is stored
    assert merged(stored, assistant("fuller")).position == 0


def test_counterpart_is_the_same_key_first() -> None:
    placed = assistant(subpath="sub")
    streamed = assistant(line=0)
    assert counterpart(streamed, [placed, assistant()]) == assistant()
    assert counterpart(streamed, [placed]) == placed
    assert counterpart(placed, [streamed]) == streamed
    assert counterpart(placed, [assistant(subpath="other")]) is None
    assert counterpart(placed, [attrs.evolve(streamed, session_id="claude-2")]) is None


def test_batch_is_reconciled_with_itself() -> None:
    outcome = reconcile([assistant(line=0), assistant("fuller"), assistant()], [])
    assert outcome.fresh == (assistant("fuller"),)
    assert (outcome.counted.added, outcome.counted.unchanged) == (1, 2)
