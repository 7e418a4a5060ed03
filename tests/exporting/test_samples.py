"""What was exported equals what came in, on the sample history and on each quirk of real ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.exporting.conftest import events, exported, imported, renumbered, sessions
from tests.exporting.trees import METADATA, read_tree, transcripts_in

from memva import Transcript, TranscriptStore, append_to_transcript
from memva.adapters.claude_code import TranscriptFolder
from memva.adapters.memory import MemoryStore
from memva.domain.line import AGENT_METADATA

ROOT = Path(__file__).parents[2]
QUIRKS = sorted((ROOT / "tests/samples/quirks").iterdir())
SAMPLES = [ROOT / "examples/history/projects", *QUIRKS]
RENUMBERED = {"projects", "torn_line_in_the_middle", "uuid_stands_twice", "blank_lines"}
RENUMBERED |= {"windows_ends_of_lines"}

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)


@every_sample
def test_export_equals_what_was_imported(
    store: TranscriptStore, folder: TranscriptFolder, sample: Path
) -> None:
    imported(store, sample)
    exported(store, folder)
    assert read_tree(folder.projects) == read_tree(sample)


@every_sample
def test_import_of_an_export_gives_the_same_store(
    store: TranscriptStore, other: MemoryStore, folder: TranscriptFolder, sample: Path
) -> None:
    imported(store, sample)
    exported(store, folder)
    report = imported(other, folder.projects)
    assert (report.problems, report.unfinished, report.events.replaced) == ((), 0, 0)
    assert sessions(other) == sessions(store)
    if sample.name in RENUMBERED:
        assert renumbered(other) == renumbered(store)
    else:
        assert events(other) == events(store)


@every_sample
def test_import_of_an_export_where_it_came_from_adds_nothing(
    store: TranscriptStore, folder: TranscriptFolder, sample: Path
) -> None:
    imported(store, sample)
    before = sessions(store), renumbered(store)
    exported(store, folder)
    report = imported(store, folder.projects)
    assert (report.sessions, report.events.added) == (0, 0)
    assert (sessions(store), renumbered(store)) == before


@every_sample
def test_export_equals_what_was_appended(
    store: TranscriptStore, other: MemoryStore, folder: TranscriptFolder, sample: Path
) -> None:
    append(store, sample)
    exported(store, folder)
    assert read_tree(folder.projects) == read_tree(sample, moved=True)
    imported(other, folder.projects)
    assert sessions(other) == sessions(store)
    assert renumbered(other) == renumbered(store)


def append(store: TranscriptStore, projects: Path) -> None:
    """Give a store the transcripts of a folder as an Agent SDK's session store gets them."""
    for path, lines in transcripts_in(projects).items():
        key, session_id, *subpath = path.removesuffix(".jsonl").split("/")
        transcript = Transcript(key, session_id, "/".join(subpath))
        metadata = projects / path.replace(".jsonl", METADATA)
        if metadata.exists():
            lines = [_as_line(metadata, finished=None), _as_line(metadata), *lines]
        # Lines that come before any time and folder take those of the first that come with them.
        first = next((n for n, line in enumerate(lines, 1) if "cwd" in line), len(lines))
        append_to_transcript(store, transcript, lines[:first])
        for begin in range(first, len(lines), 3):
            append_to_transcript(store, transcript, lines[begin : begin + 3])


def _as_line(metadata: Path, **fields: Any) -> Any:
    return {"type": AGENT_METADATA, **json.loads(metadata.read_bytes()), **fields}
