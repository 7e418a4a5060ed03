"""Copying a whole store into another, of whatever kind the two are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from memva.domain.abilities import TranscriptStore
from memva.domain.errors import CopyDiffers, CopyRefused
from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.services.copy_parts import PARTS, Part
from memva.services.copy_report import (
    CopiedPart,
    CopyPart,
    CopyProgress,
    CopyReport,
    CopyStep,
)

if TYPE_CHECKING:
    from hashlib import _Hash

# A batch is one transaction: small enough that other writers hardly wait.
_BATCH: Final = 500
_BATCH_CHARACTERS: Final = 2 * 1024 * 1024

_TOLD_EVERY: Final = 500


def copy_store(
    store: TranscriptStore,
    target: TranscriptStore,
    *,
    on_progress: Callable[[CopyProgress], None] | None = None,
) -> CopyReport:
    """Copy all that `store` holds into `target`, compare the two, and return what that came to.

    That is its sessions, its events with what they are associated with, its jobs with their
    attempts and claims, how far transcripts have been imported, what is noted of transcripts, and
    which sessions are remembered as deleted: every field of each, in the same order. Events take
    positions of the target's own, in the same order; `translate_position` tells a follower's.

    The copy is of one moment: `store` is read in one snapshot. `target` is empty, or holds what a
    call before has copied that was stopped, at whatever moment: this one goes on behind it. So
    `store` may be written to while a call runs, which leaves that out, but not between a call and
    the next that goes on, and nobody may write to `target` before the copy is complete. A copy
    that is complete is compared and left alone.

    Args:
        store: Where from.
        target: Where to; not inside a transaction, as each batch is one.
        on_progress: Told after each batch how far it has come.

    Raises:
        CopyRefused: The target holds something that no copy of `store` begins with, of another
            store, of an earlier state, or of its own; nothing was written.
        CopyDiffers: The target does not hold the same at the end: somebody else wrote to it.
    """
    with store.snapshot():
        return _Copy(store, target, on_progress).run()


def translate_position(store: Store, target: Store, *, position: int) -> int:
    """Return the position in a copy from which a follower goes on that has come to `position`.

    That is where `follow_events` gives the same events in `target`, the copy, that it gives after
    `position` in `store`. Ask before either is written to.

    Raises:
        EventNotFound: `target` is no copy of `store`.
    """
    following = store.events.committed(EventQuery(), after=position, limit=1).events
    if not following:
        return target.events.last_position()
    return target.events.get(following[0].key).position - 1


@attrs.define
class _Comparison:
    """What the target holds of a part, and what it does not hold.

    Attributes:
        count: How many items both hold.
        digest: What these say.
        missing: The other items of the source.
    """

    count: int
    digest: _Hash
    missing: Iterator[Any]


class _Copy:
    """One call: what is there is compared, what is missing added, and everything compared."""

    def __init__(
        self,
        source: TranscriptStore,
        target: TranscriptStore,
        on_progress: Callable[[CopyProgress], None] | None,
    ) -> None:
        self._source = source
        self._target = target
        self._on_progress = on_progress
        self._ends = {part.name: part.end(source) for part in PARTS}

    def run(self) -> CopyReport:
        """Copy everything."""
        # All parts are compared before the first is written to.
        found = [self._compared(part, "comparing", CopyRefused) for part in PARTS]
        added = [
            self._added(part, comparison) for part, comparison in zip(PARTS, found, strict=True)
        ]
        if any(added):
            found = [self._compared(part, "verifying", CopyDiffers) for part in PARTS]
            for part, comparison in zip(PARTS, found, strict=True):
                for item in comparison.missing:
                    raise CopyDiffers(part.name, part.label(item), "is missing in it")
        parts: dict[CopyPart, CopiedPart] = {
            part.name: CopiedPart(
                count=comparison.count, added=new, checksum=comparison.digest.hexdigest()
            )
            for part, comparison, new in zip(PARTS, found, added, strict=True)
        }
        return CopyReport(parts=parts)

    def _compared(self, part: Part[Any], step: CopyStep, error: type[CopyDiffers]) -> _Comparison:
        """Compare all that the target holds of a part with what the source begins with."""
        # Loaded when first used, so that importing memva stays quick.
        from hashlib import sha256

        comparison = _Comparison(0, sha256(), part.items(self._source))
        for copied in part.items(self._target):
            item = next(comparison.missing, None)
            if item is None:
                raise error(part.name, part.label(copied), "is not in the source")
            fields = part.fields(item)
            _check_equal(part, item, fields, copied, error)
            comparison.digest.update("\n".join((*fields.values(), "")).encode())
            comparison.count += 1
            if not comparison.count % _TOLD_EVERY:
                self._tell(step, part, item, comparison.count)
        return comparison

    def _added(self, part: Part[Any], comparison: _Comparison) -> int:
        """Add what is missing of a part; return how many that was."""
        added = 0
        for batch in _batches(part, comparison.missing):
            with self._target.transaction():
                part.add(self._target, batch)
            added += len(batch)
            self._tell("copying", part, batch[-1], comparison.count + added)
        return added

    def _tell(self, step: CopyStep, part: Part[Any], item: Any, count: int) -> None:
        if self._on_progress is not None:
            end = self._ends[part.name]
            share = min(part.place(item, count) / end, 1.0) if end else None
            self._on_progress(CopyProgress(step=step, part=part.name, count=count, share=share))


def _check_equal(
    part: Part[Any], item: Any, fields: dict[str, str], copied: Any, error: type[CopyDiffers]
) -> None:
    others = part.fields(copied)
    if fields == others:
        return
    if part.label(item) != part.label(copied):
        raise error(part.name, part.label(copied), f"stands where {part.label(item)!r} belongs")
    names = [name for name in {**fields, **others} if fields.get(name) != others.get(name)]
    raise error(part.name, part.label(item), f"differs in {', '.join(names)}")


def _batches(part: Part[Any], items: Iterator[Any]) -> Iterator[Sequence[Any]]:
    batch: list[Any] = []
    characters = 0
    for item in items:
        batch.append(item)
        characters += sum(map(len, part.fields(item).values()))
        if len(batch) >= _BATCH or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
