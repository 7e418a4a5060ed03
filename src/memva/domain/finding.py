"""What somebody who looks for trouble has found."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import attrs
from attrs import field

from memva.domain import validation

Severity: TypeAlias = Literal["error", "warning", "note"]
"""How bad it is: something is lost, something does not go on by itself, or it is worth knowing."""

_WORST_FIRST: Final = {severity: rank for rank, severity in enumerate(get_args(Severity))}


@attrs.frozen(kw_only=True)
class Finding:
    """Something that was found wrong, or is worth knowing.

    Attributes:
        kind: What kind of trouble it is, in one word for programs: `foreign_file`, `schema`,
            `unreadable`, `damage`, `dangling_rows`, `search_index`, `log_size`, `disk_space`,
            `lost_job`, `unheeded_cancel`, `waiting_jobs`, `unreadable_source`, `expiring_source`,
            `skipped_lines`; a store may have kinds of its own.
        severity: `error`, `warning` or `note`.
        subject: What it is about: a file, a table, a job's id, a type of jobs.
        problem: What is wrong, in a sentence; nothing of what people said is in it.
        advice: What to do, in a sentence.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    kind: str = field(validator=validation.identifier)
    severity: Severity = field(validator=validation.one_of(*get_args(Severity)))
    subject: str = field(validator=validation.text)
    problem: str = field(validator=validation.text)
    advice: str = field(validator=validation.text)

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong, and not only worth knowing."""
        return self.severity != "note"

    @property
    def rank(self) -> int:
        """How far back it stands in a list that has the worst first."""
        return _WORST_FIRST[self.severity]
