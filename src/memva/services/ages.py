"""How old something is to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from memva.domain.ports import Store
from memva.domain.validation import check_duration, moment_or_none


def moment_ago(store: Store, older_than: timedelta, now: datetime | None) -> datetime:
    """Return the moment before which something is older than that; `now` None is the store's clock.

    Raises:
        InvalidValue: `older_than` is no timedelta, or below zero; `now` does not know its time
            zone.
    """
    check_duration("older_than", older_than)
    now = moment_or_none("now", now) or store.now()
    try:
        return now - older_than
    except OverflowError:
        # Before the calendar begins there was nothing.
        return datetime.min.replace(tzinfo=UTC)
