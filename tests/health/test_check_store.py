"""What is found wrong with jobs, and with transcripts that are not imported."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from memva import (
    Finding,
    InvalidValue,
    cancel_job,
    check_store,
    complete_job,
    create_job,
    delete_session,
    get_next_job,
    import_transcripts,
    release_job,
)
from memva.adapters.claude_code import TranscriptFiles, cleanup_period
from memva.adapters.memory import MemoryStore

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
CLAUDE = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10"


def found(store: MemoryStore, **options: Any) -> list[tuple[str, str]]:
    """Return the kind and the subject of each finding; each says what is wrong and what to do."""
    findings = check_store(store, now=NOW, **options)
    assert all(finding.problem and finding.advice for finding in findings)
    return [(finding.kind, finding.subject) for finding in findings]


def test_an_empty_store_has_nothing_wrong(store: MemoryStore) -> None:
    assert check_store(store) == []


@pytest.mark.parametrize(("ago", "told"), [(61 * MINUTE, True), (59 * MINUTE, False)])
def test_a_lease_that_ran_out_long_ago_is_told(
    store: MemoryStore, ago: timedelta, told: bool
) -> None:
    create_job(store, type="prompt", id="j", now=NOW - 3 * HOUR)
    get_next_job(store, lease=HOUR, worker_id="worker-1", now=NOW - ago - HOUR)
    assert found(store) == ([("lost_job", "j")] if told else [])
    if told:
        [finding] = check_store(store, now=NOW)
        assert "worker-1" in finding.problem
        assert "2026-06-01 10:59:00Z" in finding.problem


@pytest.mark.parametrize(("ago", "told"), [(61 * MINUTE, True), (59 * MINUTE, False)])
def test_a_job_that_goes_on_though_asked_to_stop_is_told(
    store: MemoryStore, ago: timedelta, told: bool
) -> None:
    create_job(store, type="prompt", id="j", now=NOW - 3 * HOUR)
    get_next_job(store, lease=5 * HOUR, now=NOW - 2 * HOUR)
    cancel_job(store, "j", now=NOW - ago)
    assert found(store) == ([("unheeded_cancel", "j")] if told else [])


def test_a_job_that_was_lost_is_told_once_and_runs_no_more(store: MemoryStore) -> None:
    create_job(store, type="prompt", id="lost", now=NOW - 5 * HOUR)
    get_next_job(store, lease=HOUR, now=NOW - 5 * HOUR)
    cancel_job(store, "lost", now=NOW - 4 * HOUR)
    create_job(store, type="prompt", id="waits", now=NOW - 3 * HOUR)
    assert found(store) == [("lost_job", "lost"), ("waiting_jobs", "prompt")]


def test_jobs_that_nobody_begins_are_told_by_their_type(store: MemoryStore) -> None:
    for number, ago in enumerate((3 * HOUR, 2 * HOUR, MINUTE)):
        create_job(store, type="prompt", id=f"p{number}", now=NOW - ago)
    create_job(store, type="young", now=NOW - MINUTE)
    create_job(store, type="later", scheduled_at=NOW + HOUR, now=NOW - 3 * HOUR)
    [finding] = check_store(store, now=NOW)
    assert (finding.kind, finding.severity, finding.subject) == (
        "waiting_jobs",
        "warning",
        "prompt",
    )
    assert "2026-06-01 09:00:00Z" in finding.problem
    assert "3 are waiting" in finding.problem
    assert found(store, patience=4 * HOUR) == []
    job = get_next_job(store, types=["prompt"], now=NOW)
    assert found(store) == []
    assert job is not None
    complete_job(store, job, now=NOW)
    assert found(store) == [("waiting_jobs", "prompt")]


def test_jobs_behind_a_held_key_wait_as_they_should(store: MemoryStore) -> None:
    create_job(store, type="first", concurrency_key="k", now=NOW - 3 * HOUR)
    create_job(store, type="second", concurrency_key="k", now=NOW - 3 * HOUR)
    job = get_next_job(store, types=["first"], lease=9 * HOUR, now=NOW - 2 * HOUR)
    get_next_job(store, types=["second"], now=NOW - 2 * HOUR)
    assert found(store) == []
    assert job is not None
    release_job(store, job, now=NOW - 2 * HOUR)
    assert ("waiting_jobs", "first") in found(store)


def test_the_store_itself_is_looked_over_unless_told_not_to(monkeypatch: Any) -> None:
    finding = Finding(kind="damage", severity="error", subject="s", problem="p", advice="a")
    asked: list[bool] = []

    def check(*, thorough: bool = False) -> list[Finding]:
        asked.append(thorough)
        return [finding]

    with MemoryStore() as store:
        monkeypatch.setattr(store, "check", check)
        create_job(store, type="prompt", now=NOW - 3 * HOUR)
        assert [f.kind for f in check_store(store, now=NOW)] == ["damage", "waiting_jobs"]
        assert found(store, integrity=False) == [("waiting_jobs", "prompt")]
        check_store(store, thorough=True)
    assert asked == [False, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"patience": timedelta(-1)},
        {"patience": 60},
        {"kept_for": timedelta(-1)},
        {"soon": timedelta(-1)},
        {"now": datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)},
    ],
)
def test_what_cannot_be_meant_is_refused(store: MemoryStore, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        check_store(store, **wrong)


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    (tmp_path / "claude" / "projects" / "-code-app").mkdir(parents=True)
    return tmp_path / "claude" / "projects"


def write(projects: Path, *lines: bytes, days: float, name: str = CLAUDE) -> Path:
    """Write a transcript that was last written so many days before `NOW`."""
    path = projects / "-code-app" / f"{name}.jsonl"
    path.write_bytes(b"".join(lines) or line(1))
    then = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (then, then))
    return path


def line(number: int) -> bytes:
    return json.dumps({"type": "user", "uuid": f"u{number}", "cwd": "/code/app"}).encode() + b"\n"


@pytest.mark.parametrize(
    ("days", "when"),
    [(22, None), (24, "in 6 days"), (29.5, "within two days"), (31, "when it is next started")],
)
def test_what_claude_code_deletes_before_it_is_imported_is_told(
    store: MemoryStore, projects: Path, days: float, when: str | None
) -> None:
    path = write(projects, days=days)
    findings = check_store(store, source=TranscriptFiles(projects), now=NOW)
    assert [finding.subject for finding in findings] == ([str(path)] if when else [])
    if when is not None:
        assert (findings[0].kind, findings[0].severity) == ("expiring_source", "warning")
        assert "never imported" in findings[0].problem
        assert when in findings[0].problem
    import_transcripts(store, TranscriptFiles(projects))
    assert check_store(store, source=TranscriptFiles(projects), now=NOW) == []


def test_a_transcript_that_has_grown_since_its_import_is_told(
    store: MemoryStore, projects: Path
) -> None:
    write(projects, days=28)
    import_transcripts(store, TranscriptFiles(projects))
    path = write(projects, line(1), line(2), days=27)
    [finding] = check_store(store, source=TranscriptFiles(projects), now=NOW)
    assert finding.subject == str(path)
    assert "has grown since" in finding.problem


def test_what_is_left_out_on_purpose_or_empty_is_not_told(
    store: MemoryStore, projects: Path
) -> None:
    write(projects, days=29)
    import_transcripts(store, TranscriptFiles(projects))
    delete_session(store, CLAUDE)
    empty = write(projects, days=29, name=CLAUDE.replace("7", "8"))
    os.truncate(empty, 0)
    os.utime(empty, (0, 0))
    assert found(store, source=TranscriptFiles(projects)) == []


def test_periods_are_the_callers(store: MemoryStore, projects: Path) -> None:
    write(projects, days=10)
    source = TranscriptFiles(projects)
    assert found(store, source=source, kept_for=timedelta(days=12)) != []
    assert found(store, source=source, kept_for=timedelta(days=12), soon=timedelta(days=1)) == []
    assert found(store, source=source, kept_for=timedelta.max) == []
    assert found(store, source=source, kept_for=timedelta(0)) != []


def test_files_that_cannot_be_imported_are_told(store: MemoryStore, projects: Path) -> None:
    stray = projects / "stray.jsonl"
    stray.write_bytes(line(1))
    nameless = write(projects, b"{}\n", days=1, name="agent-1")
    findings = check_store(store, source=TranscriptFiles(projects), now=NOW)
    assert {(finding.kind, finding.subject) for finding in findings} == {
        ("unreadable_source", str(stray)),
        ("unreadable_source", str(nameless)),
    }


def test_files_without_a_line_to_import_are_noted(store: MemoryStore, projects: Path) -> None:
    path = write(projects, b"\n", b"[]\n", b'{"type": "us', days=29)
    findings = check_store(store, source=TranscriptFiles(projects), now=NOW)
    assert [(f.kind, f.severity, f.subject) for f in findings] == [
        ("skipped_lines", "note", str(path))
    ]


def test_what_a_subagent_is_is_told_by_its_transcript(store: MemoryStore, projects: Path) -> None:
    folder = projects / "-code-app" / CLAUDE / "subagents"
    folder.mkdir(parents=True)
    for name, content in (("agent-1.jsonl", line(1)), ("agent-1.meta.json", b"{}")):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (0, 0))
    assert found(store, source=TranscriptFiles(projects)) == [
        ("expiring_source", str(folder / "agent-1.jsonl"))
    ]


def test_a_place_that_cannot_be_read_is_told(store: MemoryStore, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert found(store, source=TranscriptFiles(missing)) == [("unreadable_source", str(missing))]


@pytest.mark.parametrize(
    ("settings", "days"),
    [
        (None, 30),
        ('{"cleanupPeriodDays": 90}', 90),
        ('{"cleanupPeriodDays": 0}', 0),
        ('{"cleanupPeriodDays": "90"}', 30),
        ('{"cleanupPeriodDays": true}', 30),
        ('{"cleanupPeriodDays": -1}', 30),
        ('{"cleanupPeriodDays": NaN}', 30),
        ("[]", 30),
        ("{", 30),
        ("\xff", 30),
    ],
)
def test_how_long_claude_code_keeps_transcripts_is_in_its_settings(
    projects: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None, days: int
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(projects.parent))
    if settings is not None:
        (projects.parent / "settings.json").write_text(settings, "latin-1")
    assert cleanup_period() == timedelta(days=days)
    assert cleanup_period(projects) == cleanup_period(str(projects)) == timedelta(days=days)
    assert cleanup_period(projects / "elsewhere" / "projects") == timedelta(days=days)


def test_settings_beside_the_projects_go_before_the_users_own(
    projects: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "settings.json").write_text('{"cleanupPeriodDays": 10}')
    (projects.parent / "settings.json").write_text('{"cleanupPeriodDays": 1e99}')
    assert cleanup_period() == timedelta(days=10)
    assert cleanup_period(projects) == timedelta.max
