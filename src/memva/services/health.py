"""Looking for what is wrong, in a store and in the place that it imports from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from memva.domain.abilities import CheckableStore
from memva.domain.errors import SourceUnreadable
from memva.domain.finding import Finding
from memva.domain.job import Job
from memva.domain.job_page import JobQuery
from memva.domain.line import line_object
from memva.domain.ports import Store
from memva.domain.text import clean_text
from memva.domain.time import to_text
from memva.domain.transcript_ports import SourceTranscript, TranscriptSource
from memva.domain.validation import check_duration, check_no_path, moment_or_none
from memva.services.transcript_import import changed_since, known_versions

_READ_AT_ONCE: Final = 500
_MOST_EXPIRED: Final = 10_000
_LINES_NAMED: Final = 3
_START_WORKER: Final = 'Start a worker for its type, with "memva work" or memva.worker.Worker'


def check_store(
    store: CheckableStore,
    *,
    source: TranscriptSource | None = None,
    kept_for: timedelta = timedelta(days=30),
    soon: timedelta = timedelta(days=7),
    patience: timedelta = timedelta(hours=1),
    integrity: bool = True,
    thorough: bool = False,
    now: datetime | None = None,
) -> list[Finding]:
    """Return what is wrong and what to do about it, the worst first; nothing where all is well.

    That is: damage to the store; jobs that nobody rescues, ends or begins; transcripts that will be
    deleted before they are imported, or cannot be read; lines that were skipped. It changes
    nothing.

    Args:
        store: The store to look over.
        source: Where transcripts are imported from; None to look at none.
        kept_for: How long after the last write to it the source keeps a transcript. That is Claude
            Code's `cleanupPeriodDays`.
        soon: How long before its deletion a transcript that is not imported is told.
        patience: How long a job may wait for somebody before it is told.
        integrity: Whether the store looks itself over, which may take as long as reading all of it.
        thorough: Whether it does so thoroughly, which takes longer still.
        now: The present moment; the store's clock where None.

    Raises:
        InvalidValue: A duration is no timedelta, or below zero; `source` is a path; `now` does not
            know its time zone.
    """
    for name, duration in (("kept_for", kept_for), ("soon", soon), ("patience", patience)):
        check_duration(name, duration)
    check_no_path("source", source)
    now = moment_or_none("now", now) or store.now()
    findings = store.check(thorough=thorough) if integrity else []
    findings += _jobs(store, now - patience)
    findings += _skipped(store)
    if source is not None:
        findings += _source(store, source, now=now, kept_for=kept_for, soon=soon)
    return sorted(findings, key=lambda finding: finding.rank)


def _jobs(store: Store, since: datetime) -> Iterator[Finding]:
    """Yield a finding for each job, or type of jobs, that has waited for somebody since then."""
    for job in store.jobs.expired(now=since, limit=_MOST_EXPIRED):
        yield _of_job(
            job,
            "lost_job",
            f"The lease of its worker {job.worker_id or '(unnamed)'} ran out at "
            f"{_moment(job.lease_until)}, and nobody has taken it over.",
            f"{_START_WORKER}: any worker rescues it.",
        )
    running: set[str] = set()
    for job in _processing(store):
        if job.lease_until is None or job.lease_until <= since:
            continue
        running.add(job.type)
        if job.cancel_requested_at is not None and job.cancel_requested_at <= since:
            yield _of_job(
                job,
                "unheeded_cancel",
                f"It was asked to stop at {_moment(job.cancel_requested_at)}, and still runs.",
                f"End its worker {job.worker_id or '(unnamed)'}: a handler in a thread stops only "
                "when it looks at context.cancelled, and another worker then takes the job over.",
            )
    for row in store.jobs.stats():
        if row.status != "pending" or row.oldest_due is None or row.type in running:
            continue
        # Jobs whose key is held by another wait as they should.
        due = store.jobs.next_due(types=[row.type])
        if row.oldest_due <= since and due is not None and due <= since:
            yield Finding(
                kind="waiting_jobs",
                severity="warning",
                subject=row.type,
                problem=f"Jobs of this type have been due since {_moment(row.oldest_due)}, "
                f"{row.count:,} are waiting, and none runs.",
                advice=f'{_START_WORKER}. "memva jobs --type {row.type}" lists them, and '
                '"memva jobs cancel" takes back what is not wanted any more.',
            )


def _processing(store: Store) -> Iterator[Job]:
    query = JobQuery(statuses=["processing"])
    after: int | None = None
    while True:
        page = store.jobs.find(query, after=after, limit=_READ_AT_ONCE)
        yield from page
        after = page.next
        if after is None:
            return


def _of_job(job: Job, kind: str, problem: str, advice: str) -> Finding:
    return Finding(kind=kind, severity="warning", subject=job.id, problem=problem, advice=advice)


def _source(
    store: Store,
    source: TranscriptSource,
    *,
    now: datetime,
    kept_for: timedelta,
    soon: timedelta,
) -> Iterator[Finding]:
    """Yield a finding for each transcript that cannot be read, or will soon be lost."""
    try:
        versions = source.versions()
    except SourceUnreadable as error:
        yield _unreadable(error.source, error.reason)
        return
    new = changed_since(known_versions(store, versions), versions)
    for item in source.transcripts(new):
        if item.problem is not None:
            yield _unreadable(item.source, item.problem)
            continue
        # What a subagent is comes in with its transcript.
        if not item.size or item.describes is not None:
            continue
        cursor = store.cursors.get(item.source)
        age = now - item.modified_at
        try:
            claude_session = source.identify(item.source).session_id
            if store.sessions.is_deleted(claude_session):
                continue
            if cursor is None and not _has_lines(source, item.source):
                yield _without_lines(item.source)
            elif age >= kept_for - soon:
                yield _expiring(item, age=age, kept_for=kept_for, is_new=cursor is None)
        except SourceUnreadable as error:
            yield _unreadable(error.source, error.reason)


def _has_lines(source: TranscriptSource, name: str) -> bool:
    """Tell whether there is a line that an import would take."""
    for line in source.read(name, offset=0, line=0):
        with suppress(ValueError):
            if line_object(line) is not None:
                return True
    return False


def _skipped(store: Store) -> Iterator[Finding]:
    """Yield a finding for each transcript of which lines were skipped."""
    after = ""
    while cursors := store.cursors.with_skipped_lines(after=after, limit=_READ_AT_ONCE):
        for cursor in cursors:
            skipped = cursor.skipped
            lines = [f"line {line.number} {line.reason}" for line in skipped.first[:_LINES_NAMED]]
            more = ["…"] if skipped.count > len(lines) else []
            yield Finding(
                kind="skipped_lines",
                severity="note",
                subject=clean_text(cursor.source),
                problem=f"{skipped.count:,} of its lines could not be imported: "
                f"{'; '.join(lines + more)}.",
                advice="A line that a crash has torn stays so; nothing is to be done. Where the "
                'file is damaged otherwise, put it right: the next "memva import" reads it anew.',
            )
        after = cursors[-1].source


def _expiring(
    item: SourceTranscript, *, age: timedelta, kept_for: timedelta, is_new: bool
) -> Finding:
    left = kept_for - age
    when = f"in {left.days} days" if left.days >= 2 else "within two days"
    if left <= timedelta(0):
        when = "when it is next started"
    state = "It was never imported" if is_new else "It has grown since it was imported"
    return Finding(
        kind="expiring_source",
        severity="warning",
        subject=clean_text(item.source),
        problem=f"{state}, and Claude Code deletes it {when}, "
        f"{kept_for.days:,} days after it was last written.",
        advice='Run "memva import". A higher cleanupPeriodDays in Claude Code\'s settings.json '
        "keeps transcripts for longer.",
    )


def _without_lines(source: str) -> Finding:
    return Finding(
        kind="skipped_lines",
        severity="note",
        subject=clean_text(source),
        problem="It has no line that could be imported.",
        advice="Look into the file: it was torn by a crash, or is no transcript.",
    )


def _unreadable(source: str, reason: str) -> Finding:
    return Finding(
        kind="unreadable_source",
        severity="warning",
        subject=clean_text(source),
        problem=f"It cannot be imported: {clean_text(reason)}.",
        advice="Put right what keeps it from being read, or move it elsewhere; then run "
        '"memva import".',
    )


def _moment(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{to_text(moment)[:19]}Z".replace("T", " ")
