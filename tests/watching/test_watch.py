"""A watch keeps a store current, whichever way it hears of changes."""

from __future__ import annotations

import shutil

from tests.importing.conftest import CLAUDE, History, content, events
from tests.watching.conftest import Watcher

from memva import (
    Store,
    delete_session,
    list_sessions,
)


def uuids(store: Store) -> list[str]:
    return [event.uuid for event in events(store)]


def test_what_is_there_comes_first(watcher: Watcher, history: History) -> None:
    history.write(history.line(1), history.line(2))
    watcher.watch(history.root)
    first = watcher.next_report()
    assert (first.transcripts, first.sessions, first.events.added) == (1, 1, 2)


def test_appended_line_is_imported(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    history.append(history.line(2))
    report = watcher.next_report()
    assert (report.transcripts, report.unchanged, report.events.added) == (1, 0, 1)
    assert uuids(watcher.store) == ["uuid-1", "uuid-2"]


def test_half_a_line_is_imported_once_it_is_whole(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    history.append('{"type":"user","uu')
    other = history.write(history.line(5), path=history.root / "-code-b" / history.main.name)
    watcher.until(lambda report: report.events.added == 1)
    history.append('id":"late"}\n')
    watcher.until(lambda report: report.events.added == 1)
    assert "late" in uuids(watcher.store)
    assert watcher.problems == []
    assert other.exists()


def test_new_projects_and_subagents_are_found(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    agent = history.main.with_suffix("") / "subagents" / "workflows" / "run" / "agent-1.jsonl"
    history.write(history.line(2), path=agent)
    watcher.until_imported("uuid-2")
    history.append(history.line(3), path=agent)
    watcher.until_imported("uuid-3")
    history.write(history.line(4), path=history.root / "-code-new" / "sub" / "x.jsonl")
    history.write(
        history.line(5, sessionId="other"), path=history.root / "-code-new" / f"{CLAUDE}.jsonl"
    )
    watcher.until_imported("uuid-5")
    assert "uuid-4" not in watcher.imported()


def test_what_a_subagent_is_comes_with_its_transcript(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    agent = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    history.write(path=agent)
    history.write('{"agentType":"Explore"}', path=agent.with_suffix(".meta.json"))
    watcher.watch(history.root)
    watcher.next_report()
    history.append(history.line(2), path=agent)
    watcher.until(lambda _: told_of(watcher.store) == ["Explore"])
    history.write('{"agentType":"Plan"}', path=agent.with_suffix(".meta.json"))
    watcher.until(lambda _: told_of(watcher.store) == ["Explore", "Plan"])


def told_of(store: Store) -> list[object]:
    metadata = [event for event in events(store) if event.event_type == "agent_metadata"]
    return [event.data["agentType"] for event in metadata]


def test_renamed_file_goes_on(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    moved = history.root / "-code-moved" / history.main.name
    moved.parent.mkdir()
    history.main.rename(moved)
    history.append(history.line(2), path=moved)
    watcher.until_imported("uuid-2")
    assert watcher.imported() == {"uuid-1", "uuid-2"}


def test_renamed_project_goes_on(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    moved = history.main.parent.rename(history.root / "-code-moved") / history.main.name
    history.append(history.line(2), path=moved)
    watcher.until_imported("uuid-2")


def test_rewritten_file_adds_what_is_new(watcher: Watcher, history: History) -> None:
    history.write(history.line(1), history.line(2))
    watcher.watch(history.root)
    watcher.next_report()
    rewritten = history.write(history.line(2), history.line(3), path=history.root / "new")
    rewritten.replace(history.main)
    watcher.until_imported("uuid-3")
    assert watcher.imported() == {"uuid-1", "uuid-2", "uuid-3"}


def test_what_has_gone_stays_in_the_store(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    other = history.write(history.line(2), path=history.root / "-code-b" / history.main.name)
    watcher.watch(history.root)
    watcher.next_report()
    shutil.rmtree(history.main.parent)
    history.append(history.line(3), path=other)
    watcher.until_imported("uuid-3")
    assert watcher.imported() == {"uuid-1", "uuid-2", "uuid-3"}


def test_place_that_is_not_there_yet_is_waited_for(watcher: Watcher, history: History) -> None:
    shutil.rmtree(history.root.parent)
    watcher.watch(history.root)
    assert watcher.next_report().problem_count == 1
    assert [problem.source for problem in watcher.problems] == [str(history.root)]
    history.write(history.line(1))
    watcher.until_imported("uuid-1")
    history.append(history.line(2))
    watcher.until_imported("uuid-2")


def test_place_that_goes_and_comes_back_is_watched_on(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    shutil.rmtree(history.root)
    history.write(history.line(1), history.line(2))
    watcher.until_imported("uuid-2")
    history.append(history.line(3))
    watcher.until_imported("uuid-3")


def test_claude_codes_folder_gets_its_projects(watcher: Watcher, history: History) -> None:
    shutil.rmtree(history.root)
    watcher.watch(history.root.parent)
    watcher.next_report()
    history.write(history.line(1))
    watcher.until_imported("uuid-1")
    history.append(history.line(2))
    watcher.until_imported("uuid-2")


def test_one_file_and_one_project_are_watched(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.main)
    watcher.next_report()
    history.append(history.line(2))
    watcher.until_imported("uuid-2")
    rewritten = history.write(history.line(3), path=history.root / "new")
    rewritten.replace(history.main)
    watcher.until_imported("uuid-3")
    watcher.stop()
    watcher.watch(history.main.parent)
    watcher.next_report()
    history.append(history.line(4))
    watcher.until_imported("uuid-4")


def test_deleted_session_stays_deleted(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    [session] = list_sessions(watcher.store)
    delete_session(watcher.store, session.id)
    history.append(history.line(2))
    assert watcher.next_report().deleted == 1
    assert content(watcher.store) == []
