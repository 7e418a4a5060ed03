"""Where the system tells of changes, and where it does not."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watchfiles
from tests.importing.conftest import History
from tests.watching.conftest import LONG, Watcher

from memva.adapters.claude_code import TranscriptFiles, watch
from memva.domain import SourceWatch


@pytest.fixture
def by_notices(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    watcher = Watcher(polling=False)
    yield watcher
    watcher.stop()
    watcher.store.close()


def test_an_appended_line_lists_no_folder(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write(history.line(1))
    for number in range(20):
        path = history.root / f"-code-{number}" / history.main.name
        history.write(history.line(2), path=path)
    listed: list[str] = []
    listdir = os.listdir

    def noted(path: str) -> list[str]:
        listed.append(path)
        return listdir(path)

    source = TranscriptFiles(history.root)
    with source.watch() as watch:
        monkeypatch.setattr(os, "listdir", noted)
        history.append(history.line(3))
        assert named(watch) == {str(history.main)}
    assert listed == []


def named(watch: SourceWatch) -> set[str]:
    """Return what is named next."""
    for _ in range(round(LONG)):
        if names := watch.wait(1):
            return set(names)
    return set()


def test_names_are_those_of_the_path_that_was_given(history: History, tmp_path: Path) -> None:
    history.write(history.line(1))
    link = tmp_path / "link"
    link.symlink_to(history.root)
    for place in (link, link / "-code-app", link / "-code-app" / history.main.name):
        source = TranscriptFiles(place)
        with source.watch() as watch:
            history.append(history.line(2))
            assert named(watch) == set(source.versions().transcripts)


def test_without_watchfiles_it_looks(
    by_notices: Watcher,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    looks_from_the_beginning(by_notices, history)
    assert "watchfiles is not installed" in caplog.text


def test_where_the_system_has_no_room_for_more_notices_it_looks(
    by_notices: Watcher,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*paths: str, **options: Any) -> Iterator[set[tuple[int, str]]]:
        raise OSError(28, "OS file watch limit reached.")
        yield set()

    monkeypatch.setattr(watchfiles, "watch", full)
    looks_from_the_beginning(by_notices, history)
    assert "OS file watch limit reached" in caplog.text


def test_where_notices_break_off_it_looks(
    by_notices: Watcher,
    history: History,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def breaks(*paths: str, **options: Any) -> Iterator[set[tuple[int, str]]]:
        yield set()
        raise RuntimeError("error in underlying watcher")

    monkeypatch.setattr(watchfiles, "watch", breaks)
    looks_from_the_beginning(by_notices, history)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def looks_from_the_beginning(watcher: Watcher, history: History) -> None:
    history.write(history.line(1))
    watcher.watch(history.root)
    watcher.next_report()
    history.append(history.line(2))
    watcher.until_imported("uuid-2")
    history.append(history.line(3))
    watcher.until_imported("uuid-3")


def test_what_polling_names_is_what_changed(history: History) -> None:
    history.write(history.line(1))
    other = history.write(history.line(2), path=history.root / "-code-b" / history.main.name)
    source = TranscriptFiles(history.root, polling=True)
    with source.watch() as watch:
        assert named(watch) == {str(history.main), str(other)}
        assert not watch.wait(0)
        history.append(history.line(3))
        assert named(watch) == {str(history.main)}
