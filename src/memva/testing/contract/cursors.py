"""What a store promises of import cursors."""

from __future__ import annotations

from typing import Any

import pytest

from memva.domain.errors import SessionNotFound
from memva.domain.event import Transcript
from memva.domain.line import Carry
from memva.domain.ports import Store
from memva.domain.skipped_lines import SkippedLine, SkippedLines
from memva.domain.titles import Title
from memva.domain.transcript_cursor import TranscriptCursor
from memva.testing.clock import START
from memva.testing.samples import sample_session


def sample_cursor(**fields: Any) -> TranscriptCursor:
    """Return a cursor of the source `file-1`, but for the `fields` given."""
    return TranscriptCursor(
        **{
            "source": "file-1",
            "transcript": Transcript("-code-app", "claude-1", "subagents/agent-1"),
            "memva_session_id": "session-1",
            "version": "12-34",
            "offset": 2**40,
            "line": 7,
            "fingerprint": "abc",
            "carry": Carry(START, "/code/app"),
            "title": Title("Fix the login", "prompt"),
            "skipped": SkippedLines(25, (SkippedLine(3, "is not JSON"), SkippedLine(5, "odd"))),
            **fields,
        }
    )


class CursorContract:
    """Keeping how far transcripts have been imported."""

    def test_cursor_comes_back_equal(self, store: Store) -> None:
        """Every field of a cursor comes back as it was put."""
        store.sessions.add(sample_session())
        bare = sample_cursor(source="two", carry=Carry(), title=None, skipped=SkippedLines())
        for cursor in (sample_cursor(), bare):
            store.cursors.put(cursor)
            assert store.cursors.get(cursor.source) == cursor

    def test_later_cursor_takes_the_place(self, store: Store) -> None:
        """A source has one cursor: the last that was put."""
        store.sessions.add(sample_session())
        store.cursors.put(sample_cursor())
        store.cursors.put(sample_cursor(line=8))
        assert store.cursors.get("file-1") == sample_cursor(line=8)

    @pytest.mark.parametrize("source", ["unknown", "", "\x00", "\ud800"])
    def test_unknown_source_has_none(self, store: Store, source: str) -> None:
        """A source that was never imported has no cursor."""
        assert store.cursors.get(source) is None

    def test_versions_are_read_together(self, store: Store) -> None:
        """The versions of many cursors come by source: of those from the first to the last."""
        store.sessions.add(sample_session())
        sources = ["a", "b/", "b/x", "b/\uffff", "b/\U0001f680", "b0"]
        for source in sources:
            store.cursors.put(sample_cursor(source=source, version=f"{source}-1"))
        store.cursors.put(sample_cursor(source="b/x", version=""))
        versions = {source: f"{source}-1" for source in sources} | {"b/x": ""}
        for first, last in [("a", "b0"), ("b/", "b/\U0001f680"), ("b/x", "b/x"), ("b0", "a")]:
            between = {name: v for name, v in versions.items() if first <= name <= last}
            assert store.cursors.versions(first=first, last=last) == between
        for first, last in [("b/\x00", "b/\ud800"), ("\x00", "\x00"), ("b/\udfff", "\U0010ffff")]:
            between = {name: v for name, v in versions.items() if first <= name <= last}
            assert store.cursors.versions(first=first, last=last) == between

    def test_cursor_needs_its_session(self, store: Store) -> None:
        """A cursor of a session that is not there is refused."""
        with pytest.raises(SessionNotFound) as caught:
            store.cursors.put(sample_cursor())
        assert caught.value.session_id == "session-1"
        assert store.cursors.get("file-1") is None

    def test_cursors_are_found(self, store: Store) -> None:
        """All cursors come by source, page by page."""
        store.sessions.add(sample_session())
        assert store.cursors.find(limit=9) == []
        for source in ("b", "\uffff", "\U00010000", "a", "Z"):
            store.cursors.put(sample_cursor(source=source, skipped=SkippedLines()))
        expected = ["Z", "a", "b", "\uffff", "\U00010000"]
        found = store.cursors.find(limit=2**70)
        assert found == [sample_cursor(source=s, skipped=SkippedLines()) for s in expected]
        assert [cursor.source for cursor in store.cursors.find(limit=2)] == expected[:2]
        page = store.cursors.find(after="a", limit=3)
        assert [cursor.source for cursor in page] == expected[2:]
        assert store.cursors.find(after="\U00010000", limit=9) == []

    def test_cursors_with_skipped_lines_are_found(self, store: Store) -> None:
        """Cursors of transcripts with skipped lines come by source, page by page, no others."""
        store.sessions.add(sample_session())
        for source in ("b", "\uffff", "\U00010000", "a", "Z"):
            store.cursors.put(sample_cursor(source=source))
        store.cursors.put(sample_cursor(source="aa", skipped=SkippedLines()))
        store.cursors.put(sample_cursor(source="b", skipped=SkippedLines()))
        expected = ["Z", "a", "\uffff", "\U00010000"]
        found = store.cursors.with_skipped_lines(limit=9)
        assert found == [sample_cursor(source=source) for source in expected]
        page = store.cursors.with_skipped_lines(after="Z", limit=2)
        assert [cursor.source for cursor in page] == expected[1:3]
        assert store.cursors.with_skipped_lines(after="\U00010000", limit=9) == []
