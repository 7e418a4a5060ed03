"""The title of an imported session: the host's, or the best that its lines offer."""

from itertools import permutations
from typing import Any

import pytest
from tests.importing.conftest import CLAUDE, History, only_session

from memva import (
    Store,
    associate_events_with_session,
    create_session,
    delete_session,
    get_session,
    import_transcripts,
    update_session,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore

OTHER = "0e6a8f7d-52b1-4f0a-8c1d-9f6f3f1f7a55"


def imported(store: Store, history: History, **options: Any) -> Any:
    return import_transcripts(store, TranscriptFiles(history.root), **options)


def ai_title(text: str) -> dict[str, Any]:
    return {"type": "ai-title", "aiTitle": text}


def custom_title(text: str) -> dict[str, Any]:
    return {"type": "custom-title", "customTitle": text}


OFFERS: list[tuple[str, Any]] = [
    ("/init", {"content": "<command-name>/init</command-name>"}),
    ("prompt", {"content": "prompt"}),
    ("summary", {"type": "summary", "summary": "summary", "leafUuid": "uuid-0"}),
    ("ai", ai_title("ai")),
    ("custom", custom_title("custom")),
]
"""What lines offer, the worst first."""


def line(history: History, number: int, offer: Any) -> Any:
    if "type" in offer:
        return offer
    return history.line(number, message={"role": "user", **offer})


@pytest.mark.parametrize("best", range(len(OFFERS)))
def test_best_title_stands_in_whatever_order_lines_come(history: History, best: int) -> None:
    for order in permutations(OFFERS[: best + 1]):
        lines = [line(history, number, offer) for number, (_, offer) in enumerate(order, 1)]
        with MemoryStore() as at_once, MemoryStore() as as_it_grows:
            history.write(history.line(0, type="assistant"), *lines)
            imported(at_once, history)
            history.write(history.line(0, type="assistant"))
            imported(as_it_grows, history)
            for offer in lines:
                history.append(offer)
                imported(as_it_grows, history)
            for store in (at_once, as_it_grows):
                assert only_session(store).title == OFFERS[best][0], order


def test_last_of_claude_codes_titles_and_first_prompt_stand(store: Store, history: History) -> None:
    history.write(history.line(1), history.line(2))
    imported(store, history)
    history.append(history.line(3))
    imported(store, history)
    assert only_session(store).title == "prompt 1"
    for text in ("A", "B", "A"):
        history.append(ai_title(text))
        imported(store, history)
        assert only_session(store).title == text


@pytest.mark.parametrize("title", ["Mine", "prompt 1", ""])
def test_hosts_title_is_never_overwritten(store: Store, history: History, title: str) -> None:
    history.write(history.line(1))
    imported(store, history)
    update_session(store, CLAUDE, title=title)
    for offer in (ai_title("Theirs"), custom_title("Theirs"), custom_title(title), history.line(2)):
        history.append(offer)
        imported(store, history)
        session = only_session(store)
        assert (session.title, session.title_origin) == (title, "host")


def test_title_that_the_host_gave_before_the_import_stays(store: Store, history: History) -> None:
    create_session(store, id=CLAUDE, project_path="/mine", title="prompt 1")
    history.write(history.line(1), custom_title("Theirs"))
    imported(store, history)
    assert only_session(store).title == "prompt 1"


def test_without_a_title_of_the_hosts_the_best_so_far_comes_back(
    store: Store, history: History
) -> None:
    history.write(custom_title("Theirs"), history.line(1))
    imported(store, history)
    update_session(store, CLAUDE, title="Mine")
    update_session(store, CLAUDE, title=None)
    imported(store, history)
    assert only_session(store).title is None
    history.append(ai_title("Worse"))
    imported(store, history)
    session = only_session(store)
    assert (session.title, session.title_origin) == ("Theirs", "custom-title")
    history.append(custom_title("Later"))
    imported(store, history)
    assert only_session(store).title == "Later"


def test_other_changes_of_the_hosts_leave_the_title_to_the_import(
    store: Store, history: History
) -> None:
    history.write(history.line(1))
    imported(store, history)
    update_session(store, CLAUDE, status="completed", metadata={"a": 1})
    history.append(ai_title("Better"))
    imported(store, history)
    assert only_session(store).title == "Better"


def test_transcript_that_was_moved_still_names_its_session(store: Store, history: History) -> None:
    history.write(history.line(1), ai_title("A"))
    imported(store, history)
    history.root.rename(history.root.with_name("elsewhere"))
    moved = history.root.with_name("elsewhere") / "-code-app" / history.main.name
    history.append(ai_title("B"), path=moved)
    import_transcripts(store, TranscriptFiles(moved.parent))
    assert only_session(store).title == "B"
    history.append(ai_title("C"), path=moved)
    import_transcripts(store, TranscriptFiles(moved.parent))
    assert only_session(store).title == "C"


def test_older_copy_brings_no_older_title_back(store: Store, history: History) -> None:
    copy = history.root.with_name("copy") / "projects" / "-code-app" / history.main.name
    history.write(history.line(1), ai_title("Old"), path=copy)
    history.write(history.line(1), ai_title("Old"), history.line(2), ai_title("New"))
    imported(store, history)
    report = import_transcripts(store, TranscriptFiles(copy.parent))
    assert (report.events.added, report.events.unchanged) == (0, 2)
    assert only_session(store).title == "New"


def test_rewritten_transcript_may_bring_a_better_title(store: Store, history: History) -> None:
    history.write(history.line(1), history.line(2), ai_title("A"))
    imported(store, history)
    history.write(custom_title("Better"), history.line(1))
    imported(store, history)
    assert only_session(store).title == "Better"


def test_conversations_that_share_a_session_share_its_title(store: Store, history: History) -> None:
    history.write(history.line(1), ai_title("First"))
    imported(store, history)
    other = history.write(
        history.line(2, uuid="other"), path=history.main.with_name(f"{OTHER}.jsonl")
    )
    imported(store, history)
    associate_events_with_session(store, ["other"], CLAUDE)
    delete_session(store, OTHER)
    history.append(ai_title("Second"), path=other)
    imported(store, history)
    assert only_session(store).title == "Second"
    history.append(history.line(3))
    imported(store, history)
    assert only_session(store).title == "Second"
    history.append(history.line(4), custom_title("Third"))
    history.append(ai_title("Worse"), path=other)
    imported(store, history)
    assert only_session(store).title == "Third"


def test_restored_session_has_the_title_of_its_lines(store: Store, history: History) -> None:
    history.write(history.line(1), ai_title("Theirs"))
    imported(store, history)
    update_session(store, CLAUDE, title="Mine")
    delete_session(store, CLAUDE)
    imported(store, history, restore=True)
    assert get_session(store, CLAUDE).title == "Theirs"


def test_subagents_lines_name_nothing(store: Store, history: History) -> None:
    subagent = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    history.write(history.line(1), custom_title("Its own"), path=subagent)
    imported(store, history)
    assert only_session(store).title is None
    history.write(history.line(2))
    imported(store, history)
    assert only_session(store).title == "prompt 2"
