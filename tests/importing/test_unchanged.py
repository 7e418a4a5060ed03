"""What an import of a history costs of which little has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tests.adapters.tracing import traced
from tests.importing.conftest import History

from memva import import_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore
from memva.domain import SourceLine, SourceTranscript


class Noting(TranscriptFiles):
    """A source that notes what is looked at, and what is read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.noted: list[str] = []

    def transcripts(self, sources: Iterable[str], /) -> list[SourceTranscript]:
        found = super().transcripts(sources)
        self.noted += [f"looked at {item.source}" for item in found]
        return found

    def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
        self.noted.append(f"read {source}")
        return super().read(source, offset=offset, line=line)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(tmp_path / "memva.db") as sqlite:
        yield sqlite


def write(history: History, count: int) -> None:
    for number in range(count):
        path = history.root / f"-code-{number % 3}" / f"00000000-0000-4000-8000-{number:012}.jsonl"
        history.write(history.line(number, sessionId=None), path=path)
        history.write(
            history.line(number), path=path.with_suffix("") / "subagents" / "agent-1.jsonl"
        )


def test_the_store_is_asked_once_however_many_there_are(
    sqlite: SqliteStore, history: History
) -> None:
    ran = []
    for count in (2, 20):
        write(history, count)
        import_transcripts(sqlite, TranscriptFiles(history.root))
        with traced(sqlite) as statements:
            report = import_transcripts(sqlite, TranscriptFiles(history.root))
        assert (report.transcripts, report.unchanged) == (2 * count, 2 * count)
        ran.append(len(statements))
    assert ran == [1, 1]


def test_only_what_changed_is_looked_at_and_read(sqlite: SqliteStore, history: History) -> None:
    write(history, 5)
    history.write(history.line(7))
    import_transcripts(sqlite, TranscriptFiles(history.root))
    history.append(history.line(8))
    source = Noting(history.root)
    report = import_transcripts(sqlite, source)
    assert source.noted == [f"looked at {history.main}", f"read {history.main}"]
    assert (report.transcripts, report.unchanged, report.events.added) == (11, 10, 1)
