"""What a job is created from."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, get_args

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.ids import new_id
from memva.domain.job import Job, UniqueScope
from memva.domain.json import JsonValue


# Without slots it is made in less time, and many are made at once.
@attrs.frozen(kw_only=True, slots=False)
class NewJob:
    """A job that is to be created.

    Attributes:
        type: Names the handler that will run it.
        data: What the handler is given, any JSON value.
        priority: Higher is sooner.
        max_attempts: How many claims it may be charged.
        scheduled_at: When it is due; at once where None.
        memva_session_id: The session it belongs to, or None.
        concurrency_key: One job at a time runs per key, in the order of claims; or None.
        unique_key: At most one such job of its type, for as long as `unique_scope` says, or None.
        unique_scope: `until_claimed`: one may wait behind a running one. `until_finished`: none.
        timeout: How long one run may take, or None.
        id: Its id; a new UUID where None.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    type: str = field(validator=validation.identifier)
    data: JsonValue = field(default=None, hash=False)
    priority: int = field(default=0, validator=validation.integer())
    max_attempts: int = field(default=3, validator=validation.integer(at_least=1))
    scheduled_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    memva_session_id: str | None = field(default=None, validator=optional(validation.identifier))
    concurrency_key: str | None = field(default=None, validator=optional(validation.identifier))
    unique_key: str | None = field(default=None, validator=optional(validation.identifier))
    unique_scope: UniqueScope = field(
        default="until_finished", validator=validation.one_of(*get_args(UniqueScope))
    )
    timeout: timedelta | None = field(
        default=None, validator=optional(validation.positive_duration)
    )
    id: str | None = field(default=None, validator=optional(validation.identifier))

    def created(self, *, now: datetime) -> Job:
        """Return the job, pending, created at `now`, which is in UTC."""
        # Every value was checked when this was made; checking them again would take most of the
        # time that storing many jobs takes.
        job = object.__new__(Job)
        fields = vars(job)
        fields.update(_UNTOUCHED)
        fields.update(vars(self), created_at=now, updated_at=now)
        if self.id is None:
            fields["id"] = new_id()
        if self.scheduled_at is None:
            fields["scheduled_at"] = now
        return job


_UNTOUCHED: Final = {
    field.name: field.default for field in attrs.fields(Job) if field.default is not attrs.NOTHING
}
"""What the fields of a job are that nobody has claimed yet."""


@attrs.frozen
class CreatedJob:
    """What creating a job came to.

    Attributes:
        job: The job that is there now.
        is_new: False where it was there before and has the unique key.
    """

    job: Job
    is_new: bool
