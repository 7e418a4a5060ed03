"""The attempt: one run of a job, from its claim to how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias, get_args

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.json import JsonValue

AttemptOutcome: TypeAlias = Literal[
    "completed", "failed", "cancelled", "released", "snoozed", "lost"
]
"""How a run ended: as its job did, handed back, put off, or taken from a holder that died."""


@attrs.frozen(kw_only=True)
class JobAttempt:
    """One run of a job.

    Attributes:
        job_id: The job.
        number: Counts the job's claims, from 1.
        worker_id: Who claimed it, or None.
        started_at: When it was claimed.
        ended_at: When the run ended; None while it goes on.
        outcome: `completed`, `failed`, `cancelled`, `released`, `snoozed` or `lost`; None while
            it goes on.
        error: Why it failed, or None.
        checkpoint: The job's checkpoint as it stood when the run ended.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    job_id: str = field(validator=validation.identifier)
    number: int = field(validator=validation.integer(at_least=1))
    worker_id: str | None = field(default=None, validator=optional(validation.identifier))
    started_at: datetime = field(converter=validation.to_utc, validator=validation.time)
    ended_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    outcome: AttemptOutcome | None = field(
        default=None, validator=optional(validation.one_of(*get_args(AttemptOutcome)))
    )
    error: str | None = field(default=None, validator=optional(validation.text))
    checkpoint: JsonValue = field(default=None, hash=False)
