"""A store, what is exported from it, and what comes back."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import attrs
import pytest
from tests.exporting.trees import exactly
from tests.importing.conftest import History

from memva import (
    Event,
    ExportReport,
    Session,
    Store,
    TranscriptStore,
    export_all_transcripts,
    import_transcripts,
    list_sessions,
)
from memva.adapters.claude_code import TranscriptFiles, TranscriptFolder
from memva.adapters.memory import MemoryStore
from memva.domain import EventQuery
from memva.domain.line import AGENT_METADATA

OTHER = "0e6a8f7d-52b1-4f0a-8c1d-9f6f3f1f7a55"
MODE = {"type": "mode", "mode": "plan"}


def write_two(history: History) -> None:
    """Write two conversations, the first with a subagent and in two projects."""
    history.write(MODE, history.line(1), MODE, history.line(2))
    history.write(history.line(3), path=history.main.with_suffix("") / "subagents/agent-1.jsonl")
    history.write(history.line(4), path=history.root / "-code-site" / history.main.name)
    history.write(history.line(5), path=history.main.with_name(f"{OTHER}.jsonl"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "claude")


@pytest.fixture
def folder(tmp_path: Path) -> TranscriptFolder:
    """Where to export to; there is nothing yet."""
    return TranscriptFolder(tmp_path / "export")


@pytest.fixture
def other() -> Iterator[MemoryStore]:
    """A store to import the export into."""
    with MemoryStore() as store:
        yield store


def imported(store: Store, projects: Path) -> Any:
    return import_transcripts(store, TranscriptFiles(projects))


def exported(store: TranscriptStore, folder: TranscriptFolder, **options: Any) -> ExportReport:
    report = export_all_transcripts(store, folder, **options)
    assert report.problems == ()
    return report


def sessions(store: Store, *without: str) -> list[str]:
    """Return every session, but for the fields named."""
    return [exactly(_fields(session, without)) for session in list_sessions(store)]


def events(store: Store, *without: str) -> list[str]:
    """Return every event as it is, in order, but for its position and the fields named."""
    page = store.events.page(EventQuery(), limit=100_000)
    return [exactly(_fields(event, without)) for event in page.events]


def renumbered(store: Store, *without: str) -> list[str]:
    """Return every event, by transcript, with the lines counted that there are.

    What a subagent is comes last, as it was at the end, without place and time: it has none of its
    own.
    """
    page = store.events.page(EventQuery(), limit=100_000)
    in_order = sorted(page.events, key=lambda e: (e.transcript, e.line, e.position))
    found = []
    for _, group in groupby(in_order, key=lambda event: event.transcript):
        events = list(group)
        metadata = [event for event in events if event.event_type == AGENT_METADATA]
        lines = [event for event in events if event.event_type != AGENT_METADATA]
        found += [
            exactly({**_fields(event, without), "line": number if event.line else 0})
            for number, event in enumerate(lines)
        ]
        found += [exactly((event.key, event.data)) for event in metadata[-1:]]
    return found


def _fields(entity: Event | Session, without: tuple[str, ...]) -> dict[str, Any]:
    gone = {"position", *without}
    return {name: value for name, value in attrs.asdict(entity).items() if name not in gone}
