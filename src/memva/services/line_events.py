"""How the lines of a transcript become events, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from memva.domain.event import Event, Transcript
from memva.domain.line import (
    Carry,
    TranscriptLine,
    carried,
    content_prefix,
    derived_uuid,
    event_of_line,
)
from memva.domain.ports import Store
from memva.services.line_numbers import stored_line


class LineEvents:
    """Makes events of the lines of one transcript, in their order.

    Attributes:
        carry: What the lines so far leave to those after them.
    """

    def __init__(
        self,
        store: Store,
        transcript: Transcript,
        *,
        carry: Carry,
        afresh: bool,
        are_new: bool = False,
    ) -> None:
        """Begin with the line after which `carry` stands.

        With `afresh` that is the first one, whatever is stored of the transcript: it then says
        nothing of the lines that stand before one. With `are_new` lines without a uuid are none
        that is stored.
        """
        self.carry = carry
        self._store = store
        self._transcript = transcript
        self._afresh = afresh
        self._are_new = are_new
        self._equal_lines: dict[str, int] = {}

    def of(
        self,
        lines: Sequence[tuple[int, TranscriptLine]],
        *,
        memva_session_id: str,
        read_before: int,
        otherwise: datetime,
    ) -> list[Event]:
        """Return the events of the next lines, which come with their numbers.

        `read_before` is the number of the last line that is stored, and `otherwise` the time of
        lines that neither say one nor stand beside one that does.
        """
        self.carry = self._leading(lines, otherwise)
        uuids = self._uuids(lines, read_before)
        events = []
        for (number, line), uuid in zip(lines, uuids, strict=True):
            self.carry = carried(self.carry, line)
            events.append(
                event_of_line(
                    line,
                    transcript=self._transcript,
                    number=number,
                    uuid=uuid,
                    carry=self.carry,
                    memva_session_id=memva_session_id,
                )
            )
        return events

    def _leading(self, lines: Sequence[tuple[int, TranscriptLine]], otherwise: datetime) -> Carry:
        """Return what the first lines are given that come before any time or folder."""
        times = (line.timestamp for _, line in lines if line.timestamp is not None)
        folders = (line.cwd for _, line in lines if line.cwd is not None)
        return Carry(
            self.carry.timestamp or next(times, otherwise), self.carry.cwd or next(folders, "")
        )

    def _uuids(self, lines: Sequence[tuple[int, TranscriptLine]], read_before: int) -> list[str]:
        """Return the lines' uuids, those derived that they do not bear."""
        if not self._afresh:
            self._equal_lines.clear()
        uuids = []
        for _, line in lines:
            if line.uuid is not None:
                uuids.append(line.uuid)
                continue
            prefix = content_prefix(line.data)
            before = self._equal_lines.get(prefix)
            if before is None:
                before = (
                    0
                    if self._afresh
                    else self._store.events.count_lines(
                        self._transcript, uuid_prefix=prefix, up_to_line=read_before
                    )
                )
            uuid = derived_uuid(prefix, before)
            # Where a deletion took the first of several equal lines, the others count on.
            while self._are_new and stored_line(self._store, self._transcript, uuid) is not None:
                before += 1
                uuid = derived_uuid(prefix, before)
            self._equal_lines[prefix] = before + 1
            uuids.append(uuid)
        return uuids
