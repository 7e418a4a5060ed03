"""`memva import --watch`: go on bringing in what Claude Code writes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import Final

from memva.adapters.claude_code import TranscriptFiles
from memva.cli.database import Database, open_database
from memva.cli.import_told import importing_bar, summarise_gain, summarise_problems
from memva.cli.output import Output, counted, local_time, stderr, stdout
from memva.domain.redaction import Redact
from memva.domain.time import utc_now
from memva.services.import_report import ImportReport
from memva.services.problems import PROBLEMS_KEPT
from memva.services.transcript_watch import watch_transcripts
from memva.worker.signals import signals_calling

_LOOK_SECONDS: Final = 0.5
"""How often it looks whether the place is there."""


def watch(
    database: Database, place: Path, *, restore: bool, redact: Redact | None, polling: bool
) -> None:
    """Import what is there, then what is written, until SIGINT or SIGTERM; tell of all of it."""
    stop, total, output = Event(), ImportReport(), stdout()
    with signals_calling(stop.set):
        if not place.exists():
            stderr().line(f"Waiting for {place}, which is not there yet.")
            while not place.exists() and not stop.wait(_LOOK_SECONDS):
                continue
        if stop.is_set():
            return
        with open_database(database) as store, ExitStack() as until_first_report:
            stderr().line(f"Watching {place} until Ctrl-C.")
            tell = until_first_report.enter_context(importing_bar())
            source = TranscriptFiles(place, polling=polling)
            for report in watch_transcripts(
                store,
                source,
                redact=redact,
                restore=restore,
                stop=stop.is_set,
                on_progress=tell,
            ):
                until_first_report.close()
                total = _together(total, report)
                if output.is_terminal:
                    _tell(report, output)
    summarise_gain(total, output)
    summarise_problems(total, output)


def _together(total: ImportReport, report: ImportReport) -> ImportReport:
    """Return what came new, and what could not be read, in all rounds and in one more."""
    return ImportReport(
        sessions=total.sessions + report.sessions,
        events=total.events + report.events,
        problems=(total.problems + report.problems)[:PROBLEMS_KEPT],
        problem_count=total.problem_count + report.problem_count,
    )


def _tell(report: ImportReport, output: Output) -> None:
    """Write what one round came to, in a line."""
    parts = [
        counted(number, noun)
        for number, noun in (
            (report.sessions, "new session"),
            (report.events.added, "new event"),
            (report.events.replaced, "replaced event"),
            (report.problem_count, "problem"),
        )
        if number
    ]
    moment = local_time(utc_now(), timespec="seconds")
    output.line(f"{moment} {', '.join(parts) or 'nothing new'}")
