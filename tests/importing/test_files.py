"""Where transcripts are found, and what a source does that cannot be read."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.importing.conftest import CLAUDE, History, events

from memva import SourceUnreadable, Store, Transcript, import_transcripts, list_sessions
from memva.adapters.claude_code import TranscriptFiles, default_projects_folder
from memva.domain import SourceTranscript


def found(path: Path) -> list[Transcript]:
    source = TranscriptFiles(path)
    return [source.identify(name) for name in source.versions().transcripts]


MAIN = Transcript("-code-app", CLAUDE, "")


def test_file_project_and_projects_give_the_same(history: History) -> None:
    history.write(history.line(1))
    agent = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    history.write(history.line(2), path=agent)
    both = [MAIN, MAIN._replace(subpath="subagents/agent-1")]
    assert found(history.root) == both
    assert found(history.main.parent) == both
    assert found(history.main) == both[:1]
    assert found(agent) == both[1:]


def test_claude_codes_own_folder_gives_its_projects(history: History) -> None:
    history.write(history.line(1))
    history.write({"display": "no transcript"}, path=history.root.parent / "history.jsonl")
    assert found(history.root.parent) == [MAIN]


def test_copied_file_belongs_to_the_project_it_speaks_of(history: History, tmp_path: Path) -> None:
    history.write({"type": "mode"}, history.line(1))
    for name in ("copy.jsonl", f"{CLAUDE}.jsonl"):
        assert found(Path(shutil.copy(history.main, tmp_path / name))) == [MAIN]


def test_file_that_names_no_session(store: Store, history: History, tmp_path: Path) -> None:
    lines = {"type": "note"}
    alone = history.write(lines, path=tmp_path / "elsewhere" / "notes.jsonl")
    assert found(alone) == [Transcript("elsewhere", "notes", "")]
    history.write(history.line(1))
    history.write(lines, path=history.main.with_name("notes.jsonl"))
    [problem] = import_transcripts(store, TranscriptFiles(history.root)).problems
    assert problem.line is None
    assert "names no session" in problem.reason


def test_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        TranscriptFiles(tmp_path / "nowhere").versions()
    assert caught.value.source == str(tmp_path / "nowhere")
    assert found(tmp_path) == []


def test_source_that_goes_meanwhile_is_a_problem(store: Store, history: History) -> None:
    history.write(history.line(1))
    other = history.write(history.line(2), path=history.root / "-code-b" / history.main.name)

    class Vanishing(TranscriptFiles):
        def transcripts(self, sources: Iterable[str], /) -> list[SourceTranscript]:
            listed = super().transcripts(sources)
            history.main.unlink()
            return listed

    report = import_transcripts(store, Vanishing(history.root))
    assert [problem.source for problem in report.problems] == [str(history.main)]
    assert report.events.added == 1
    assert other.exists()
    assert len(list_sessions(store)) == 1


def test_file_that_may_not_be_looked_at_is_a_problem(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write(history.line(1))
    locked = history.root / "-code-app" / "locked.jsonl"
    history.write(history.line(2), path=locked)
    stat = os.stat

    def refuse(path: Any, **options: Any) -> object:
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    report = import_transcripts(store, TranscriptFiles(history.root))
    [problem] = report.problems
    assert (problem.source, problem.reason) == (str(locked), "Permission denied")
    assert report.events.added == 1


def test_names_that_are_not_utf_8_stay_apart(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not every system lets such files be made.
    names = [f"{byte}.jsonl" for byte in ("\udcfe", "\udcff")]
    status = history.write(history.line(1)).stat()
    stat, listdir = os.stat, os.listdir

    def found(path: Any, **how: Any) -> os.stat_result:
        return status if str(path).endswith(tuple(names)) else stat(path, **how)

    monkeypatch.setattr(os, "listdir", lambda path: [*listdir(path), *names])
    monkeypatch.setattr(os, "stat", found)
    source = TranscriptFiles(history.main.parent)
    sources = source.versions().transcripts.keys() - {str(history.main)}
    assert len(source.transcripts(sources)) == 2
    assert len(set(sources)) == 2
    assert all(source.isprintable() for source in sources)


def test_a_stray_file_hides_no_projects(store: Store, history: History) -> None:
    history.write(history.line(1))
    stray = history.root / "stray.jsonl"
    history.write(history.line(2), path=stray)
    report = import_transcripts(store, TranscriptFiles(history.root))
    assert [(p.source, p.line) for p in report.problems] == [(str(stray), None)]
    assert report.events.added == 1


def test_a_folder_called_subagents_may_hold_anything(store: Store, tmp_path: Path) -> None:
    history = History(tmp_path / "subagents" / "projects")
    history.write(history.line(1))
    import_transcripts(store, TranscriptFiles(history.main))
    [event] = events(store)
    assert (event.session_id, event.transcript.subpath) == (CLAUDE, "")


def test_project_that_may_not_be_read_is_a_problem(
    store: Store, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write(history.line(1))
    locked = history.root / "-code-locked"
    locked.mkdir()
    listdir = os.listdir

    def refuse(folder: str) -> list[str]:
        if folder == str(locked):
            raise PermissionError(13, "Permission denied")
        return listdir(folder)

    monkeypatch.setattr(os, "listdir", refuse)
    report = import_transcripts(store, TranscriptFiles(history.root))
    [problem] = report.problems
    assert (problem.source, problem.reason) == (str(locked), "Permission denied")
    assert report.events.added == 1


def test_default_folder_is_claude_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    assert default_projects_folder() == tmp_path / "projects"
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_projects_folder() == tmp_path / "home" / ".claude" / "projects"
