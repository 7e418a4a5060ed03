"""Compactions: the boundary, the last event before it, and the summary after it."""

from __future__ import annotations

from typing import Any

from tests.unit.lines import line, prompt, said

from memva import Compaction, compactions_in

BOUNDARY: Any = {"event_type": "system", "subtype": "compact_boundary"}


def test_boundary_names_its_logical_parent_and_a_summary_follows() -> None:
    last = said("a")
    boundary = line("b", None, logicalParentUuid="a", **BOUNDARY)
    summary = prompt("c", "b", isCompactSummary=True)
    reply = said("d", "c")
    assert compactions_in([last, boundary, summary, reply]) == (
        Compaction(boundary, last, summary),
    )


def test_what_is_not_there_is_none() -> None:
    bare = line("a", None, **BOUNDARY)
    dangling = line("b", None, logicalParentUuid="gone", **BOUNDARY)
    odd = line("c", None, logicalParentUuid=7, **BOUNDARY)
    note = prompt("d", "c")
    assert compactions_in([bare, dangling, odd, note]) == (
        Compaction(bare, None, None),
        Compaction(dangling, None, None),
        Compaction(odd, None, None),
    )


def test_logical_parent_is_looked_for_in_the_same_transcript() -> None:
    """Forks repeat uuids."""
    elsewhere = said("a", session_id="2")
    boundary = line("b", None, logicalParentUuid="a", **BOUNDARY)
    assert compactions_in([elsewhere, boundary]) == (Compaction(boundary, None, None),)


def test_a_parent_stands_in_for_a_logical_one() -> None:
    last, boundary = said("a"), line("b", "a", **BOUNDARY)
    assert compactions_in([last, boundary]) == (Compaction(boundary, last, None),)


def test_other_system_lines_are_none() -> None:
    assert compactions_in([line("a", event_type="system", subtype="local_command")]) == ()
    assert compactions_in([line("a", subtype="compact_boundary")]) == ()
