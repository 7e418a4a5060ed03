"""Whatever the history, what is exported equals what came in, and comes back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.exporting.conftest import exported, imported, renumbered, sessions
from tests.exporting.histories import File, histories, write_history
from tests.exporting.trees import read_tree, transcripts_in

from memva import Transcript, append_to_transcript
from memva.adapters.claude_code import TranscriptFolder
from memva.adapters.memory import MemoryStore

CARRIED = ("timestamp", "cwd", "project_name", "project_path")
"""What a line takes from the one before it, which is another where that was a repeat; and what a
session takes from its first line, which stands further back where a later one was fuller."""


@contextmanager
def written(files: list[File]) -> Iterator[tuple[Path, TranscriptFolder]]:
    """Give a history's `projects` folder, and a folder to export to."""
    with TemporaryDirectory() as folder:
        write_history(files, Path(folder, "projects"))
        Path(folder, "projects").mkdir(exist_ok=True)
        yield Path(folder, "projects"), TranscriptFolder(Path(folder, "export"))


def come_back(store: MemoryStore, folder: TranscriptFolder, *without: str) -> None:
    """Check that an import of the export gives the same store."""
    folder.projects.mkdir(parents=True, exist_ok=True)
    with MemoryStore() as other:
        imported(other, folder.projects)
        assert renumbered(other, *without) == renumbered(store, *without)
        assert sessions(other, *without) == sessions(store, *without)


@given(histories())
def test_any_history_comes_back(files: list[File]) -> None:
    with written(files) as (projects, folder), MemoryStore() as store:
        imported(store, projects)
        exported(store, folder)
        assert read_tree(folder.projects) == read_tree(projects)
        come_back(store, folder)


@given(histories(repeats=True))
def test_any_history_with_repeats_comes_back(files: list[File]) -> None:
    with written(files) as (projects, folder), MemoryStore() as store:
        imported(store, projects)
        exported(store, folder)
        assert read_tree(folder.projects) == read_tree(projects)
        come_back(store, folder, *CARRIED)


@given(histories(), st.data())
def test_any_history_comes_back_that_was_appended(files: list[File], data: st.DataObject) -> None:
    with written(files) as (projects, folder), MemoryStore() as store:
        for path, lines in transcripts_in(projects).items():
            key, session_id, *subpath = path.removesuffix(".jsonl").split("/")
            transcript = Transcript(key, session_id, "/".join(subpath))
            for batch in batches(lines, data):
                append_to_transcript(store, transcript, batch)
        exported(store, folder)
        tree = read_tree(projects)
        assert read_tree(folder.projects) == {p: t for p, t in tree.items() if p.endswith("l")}
        # Where no main conversation names a folder, it is that of the subagent which comes first.
        come_back(store, folder, "project_path")


def batches(lines: list[Any], data: st.DataObject) -> Iterator[list[Any]]:
    """Yield lines as a session store gets them, the first with what leading lines lack."""
    known: set[str] = set()
    begin = 0
    for number, line in enumerate(lines, 1):
        known |= {"timestamp", "cwd"} & line.keys()
        if len(known) == 2 and data.draw(st.booleans()):
            yield lines[begin:number]
            begin = number
    yield lines[begin:]
