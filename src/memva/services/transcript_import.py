"""Importing Claude Code's transcripts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from memva.domain.errors import SourceUnreadable
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.domain.transcript_ports import SourceTranscript, SourceVersions, TranscriptSource
from memva.domain.validation import check_no_path
from memva.services.deletions import Deletions
from memva.services.import_report import ImportProblem, ImportProgress, ImportReport, ImportReporter
from memva.services.transcript_reading import import_transcript


def import_transcripts(
    store: Store,
    source: TranscriptSource,
    *,
    redact: Redact | None = None,
    restore: bool = False,
    on_progress: Callable[[ImportProgress], None] | None = None,
    on_problem: Callable[[ImportProblem], None] | None = None,
) -> ImportReport:
    """Import every line of every transcript that `source` has, and return what that came to.

    Each conversation becomes a session whose id is Claude Code's own, or goes to the session that
    its events are associated with already. A title that the host gave stays; otherwise it is the
    best that the lines offer. Importing again adds nothing; a transcript that has grown adds what
    is new. It may be stopped at any moment: what was imported is kept, and the next import goes on
    from there.

    A session of Claude Code's that lost events by the deletion of a session is left out, with
    whatever it has grown by, until it is restored.

    Args:
        store: Where to.
        source: Where from.
        redact: Goes over every text before anything is stored.
        restore: Whether sessions that were deleted are brought back whole, and are no longer
            remembered as deleted.
        on_progress: Told after each batch of lines how far it has come. What has not changed
            since the last import counts as done from the beginning.
        on_problem: Told of each thing that cannot be read; it stops nothing.

    Raises:
        InvalidValue: `source` is a path.
        SourceUnreadable: The source itself cannot be read; a single transcript is a problem.
    """
    check_no_path("source", source)
    found = source.versions()
    # To bring sessions back, each of them has to be met.
    known = {} if restore else known_versions(store, found)
    changed = changed_since(known, found)
    items = source.transcripts(changed)
    reporter = ImportReporter(
        items,
        unchanged=len(found.transcripts) - sum(name in found.transcripts for name in changed),
        on_progress=on_progress,
        on_problem=on_problem,
    )
    deletions = Deletions(store, restore=restore)
    import_items(store, source, items, redact=redact, deletions=deletions, reporter=reporter)
    return reporter.report


def known_versions(store: Store, found: SourceVersions) -> Mapping[str, str]:
    """Return the versions in which what was found was imported; others may be among them."""
    names = found.transcripts.keys() | found.metadata.keys()
    return store.cursors.versions(first=min(names), last=max(names)) if names else {}


def changed_since(known: Mapping[str, str], found: SourceVersions) -> list[str]:
    """Return the names, in order, of what was found in another version than the known one.

    What a subagent is comes after the transcripts.
    """
    return [
        name
        for versions in found
        for name, version in versions.items()
        if known.get(name) != version or not version
    ]


def import_items(
    store: Store,
    source: TranscriptSource,
    items: Iterable[SourceTranscript],
    *,
    redact: Redact | None,
    deletions: Deletions,
    reporter: ImportReporter,
) -> None:
    """Import what is new in these transcripts, in order, and tell `reporter` about it."""
    for item in items:
        try:
            import_transcript(
                store, source, item, redact=redact, deletions=deletions, reporter=reporter
            )
        except SourceUnreadable as error:
            reporter.problem(item.source, None, error.reason)
        reporter.done(item)
