"""Who waits bears that the store cannot be reached, but not for ever."""

import pytest

from memva import StoreUnavailable
from memva.services.waiting import Steps, looked


class Away:
    """A look that finds the store away so many times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> str:
        self.left -= 1
        if self.left >= 0:
            raise StoreUnavailable("the server restarts")
        return "found"


def found(look: Away, patience: float | None) -> Steps[str]:
    yield [(yield from looked(look, patience=patience))]


def test_looks_again_where_the_store_was_away() -> None:
    *waits, last = found(Away(3), None)
    assert last == ["found"]
    assert len(waits) == 3
    assert all(isinstance(wait, float) and 0 < wait < 1 for wait in waits)


def test_waits_for_nothing_where_the_store_is_there() -> None:
    assert list(found(Away(0), 0)) == [["found"]]


def test_patience_has_an_end() -> None:
    look = Away(10)
    with pytest.raises(StoreUnavailable, match="restarts"):
        list(found(look, 0))
    assert look.left == 9
