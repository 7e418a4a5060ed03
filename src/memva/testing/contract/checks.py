"""What a store promises that looks itself over."""

from __future__ import annotations

import pytest

from memva.domain.abilities import CheckableStore
from memva.domain.errors import StoreUnavailable
from memva.testing.contract.events import stored
from memva.testing.contract.transactions import counts, write_everything
from memva.testing.samples import sample_session


class CheckContract:
    """Looking for what is wrong with the store itself."""

    @pytest.mark.parametrize("thorough", [False, True])
    def test_sound_store_has_nothing_wrong(self, store: CheckableStore, thorough: bool) -> None:
        """A store that is as it should be gives no finding, be it empty or not."""
        assert store.check(thorough=thorough) == []
        write_everything(store)
        store.sessions.add(sample_session(id="gone"))
        store.sessions.delete("gone")
        assert store.check(thorough=thorough) == []

    def test_check_changes_nothing(self, store: CheckableStore) -> None:
        """What is stored is the same afterwards."""
        write_everything(store)
        before, events = counts(store), stored(store)
        store.check(thorough=True)
        assert (counts(store), stored(store)) == (before, events)

    def test_check_may_stand_in_any_block(self, store: CheckableStore) -> None:
        """A check neither ends a transaction or a snapshot that it stands in, nor waits for it."""
        with store.transaction():
            store.sessions.add(sample_session())
            assert store.check() == []
            assert store.sessions.get("session-1") == sample_session()
        with store.snapshot():
            assert store.check() == []
            assert store.sessions.get("session-1") == sample_session()

    def test_closed_store_is_not_checked(self, store: CheckableStore) -> None:
        """Checking a closed store is an error, as any other call is."""
        store.close()
        with pytest.raises(StoreUnavailable):
            store.check()
