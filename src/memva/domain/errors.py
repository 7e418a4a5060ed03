"""Everything memva raises on purpose; each error keeps the ids it speaks of.

Every class can be pickled, so that an error crosses a process boundary whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memva.domain.event import EventKey


class MemvaError(Exception):
    """The base of every error that memva raises."""


class InvalidValue(MemvaError, ValueError):
    """A value does not fit its field; `field`, `value` and `rule` say which, what and why."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(field, value, rule)
        self.field = field
        self.value = value
        self.rule = rule

    def __str__(self) -> str:
        try:
            shown = repr(self.value)
        except (ValueError, RecursionError):
            # Numbers of too many digits and structures too deep cannot be shown.
            shown = f"a {type(self.value).__name__}"
        if len(shown) > 80:
            shown = f"{shown[:77]}..."
        return f"{self.field} {self.rule}, not {shown}"


class NotFound(MemvaError, LookupError):
    """What was asked for is not in the store."""


class SessionNotFound(NotFound):
    """No session has this id; it is kept as `session_id`."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id

    def __str__(self) -> str:
        return f"no session has the id {self.session_id!r}"


class EventNotFound(NotFound):
    """No event has this key; it is kept as `key`."""

    def __init__(self, key: EventKey) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"no event has the uuid {self.key.uuid!r} in transcript {tuple(self.key.transcript)}"


class JobNotFound(NotFound):
    """No job has this id; it is kept as `job_id`."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"no job has the id {self.job_id!r}"


class SessionExists(MemvaError):
    """A session with this id is there already; it is kept as `session_id`."""

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id)
        self.session_id = session_id

    def __str__(self) -> str:
        return f"a session with the id {self.session_id!r} exists already"


class JobExists(MemvaError):
    """A job with this id is there already; it is kept as `job_id`."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"a job with the id {self.job_id!r} exists already"


class UniqueKeyTaken(MemvaError):
    """Another job keeps this one out; `type`, `unique_key` and that other's `job_id` say which."""

    def __init__(self, type: str, unique_key: str, job_id: str) -> None:
        super().__init__(type, unique_key, job_id)
        self.type = type
        self.unique_key = unique_key
        self.job_id = job_id

    def __str__(self) -> str:
        return f"job {self.job_id!r} of type {self.type!r} has the unique key {self.unique_key!r}"


class IllegalTransition(MemvaError):
    """A job cannot go from `status` to `wanted`; its id is kept as `job_id`."""

    def __init__(self, job_id: str, status: str, wanted: str) -> None:
        super().__init__(job_id, status, wanted)
        self.job_id = job_id
        self.status = status
        self.wanted = wanted

    def __str__(self) -> str:
        return f"job {self.job_id!r} is {self.status} and cannot become {self.wanted}"


class LeaseLost(MemvaError):
    """The claim on the job `job_id` was replaced or taken away; nothing was changed."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return f"the claim on job {self.job_id!r} was lost to another holder"


class SourceUnreadable(MemvaError):
    """What is to be imported cannot be read; `source` names it and `reason` says why."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source = source
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class SinkUnwritable(MemvaError):
    """A transcript cannot be put into its sink; `sink` names the place there, `reason` says why."""

    def __init__(self, sink: str, reason: str) -> None:
        super().__init__(sink, reason)
        self.sink = sink
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.sink}: {self.reason}"


class SinkTaken(SinkUnwritable):
    """Something else is there already; it was left as it was."""


class CopyDiffers(MemvaError):
    """A copy of a store does not hold what the store holds.

    `part`, `item` and `reason` say in which part of it, of which thing there, and in what.
    """

    def __init__(self, part: str, item: str, reason: str) -> None:
        super().__init__(part, item, reason)
        self.part = part
        self.item = item
        self.reason = reason

    def __str__(self) -> str:
        return f"the copy differs from its source in its {self.part}: {self.item!r} {self.reason}"


class CopyRefused(CopyDiffers):
    """The target holds something that no copy of the source begins with; it was left as it was."""

    def __str__(self) -> str:
        return (
            "the target holds something else than a copy of the source that was begun: "
            f"in its {self.part}, {self.item!r} {self.reason}"
        )


class StoreError(MemvaError):
    """The store failed; the driver's own error is the `__cause__`."""


class StoreBusy(StoreError):
    """Another writer held the lock, or every connection was in use, until the wait ran out."""


class StoreCorrupt(StoreError):
    """The stored data is damaged."""


class StoreFull(StoreError):
    """The disk, or the store's own limit, is full."""


class StoreReadOnly(StoreError):
    """A write was asked of something that may only be read."""


class StoreUnavailable(StoreError):
    """The store is closed, cannot be opened, or its files cannot be reached."""


class SearchUnavailable(StoreError):
    """The store was opened without search, or cannot search where it is."""


class StoreIncompatible(StoreError):
    """The file belongs to another application or to a newer memva; it was left untouched."""
