"""What a folder does with files that are there, with names that lead elsewhere, and with errors."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.exporting.conftest import exported, imported
from tests.importing.conftest import CLAUDE, History

from memva import (
    Event,
    SinkTaken,
    SinkUnwritable,
    Transcript,
    TranscriptStore,
    append_to_transcript,
    export_all_transcripts,
)
from memva.adapters.claude_code import TranscriptFolder
from memva.domain import parse_object
from memva.domain.line import AGENT_METADATA
from memva.testing import sample_event

KEY = "-code-app"
MAIN = Transcript(KEY, CLAUDE, "")
AGENT = MAIN._replace(subpath="subagents/agent-1")


def lines(*numbers: int, of: Transcript = MAIN) -> Iterator[Event]:
    """Return lines of a transcript, said as many seconds after each other as their numbers."""
    for number in numbers:
        said = datetime(2026, 3, 2, 9, 0, number, 5, UTC)
        data = {"type": "user", "n": number}
        yield sample_event(
            uuid=f"uuid-{number}", line=number, timestamp=said, data=data, **of._asdict()
        )


def metadata(**fields: Any) -> Event:
    data = {"type": AGENT_METADATA, "agentType": "worker", **fields}
    return sample_event(event_type=AGENT_METADATA, line=1, data=data, **AGENT._asdict())


def files(folder: TranscriptFolder) -> list[str]:
    """Return all files there are, drafts too."""
    root = folder.projects
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def main(folder: TranscriptFolder) -> Path:
    """The main conversation's file; it is not there yet."""
    return folder.projects / KEY / f"{CLAUDE}.jsonl"


ONE, TWO, THREE = (f'{{"type":"user","n":{number}}}\n'.encode() for number in (1, 2, 3))


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1_000, 1_000))
    return path


@pytest.mark.parametrize("name", ["claude", "projects", "claude/projects"])
def test_folder_is_claude_codes_own_or_its_projects(tmp_path: Path, name: str) -> None:
    folder = TranscriptFolder(tmp_path / name)
    assert folder.projects == tmp_path / name.removesuffix("/projects").replace(
        "claude", "claude/projects"
    )
    assert folder.write(MAIN, lines(1))
    assert files(folder) == [f"{KEY}/{CLAUDE}.jsonl"]


def test_files_are_the_owners_alone(folder: TranscriptFolder, main: Path) -> None:
    before = os.umask(0)
    try:
        folder.write(MAIN, lines(1))
        folder.write(AGENT, iter([*lines(1, of=AGENT), metadata()]))
    finally:
        os.umask(before)
    made = [folder.projects.parent, folder.projects, *folder.projects.rglob("*")]
    assert len(made) == 8
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_time_is_that_of_the_latest_line(folder: TranscriptFolder, main: Path) -> None:
    folder.write(MAIN, lines(1, 9, 4))
    whole_seconds = int(datetime(2026, 3, 2, 9, 0, 9, tzinfo=UTC).timestamp())
    assert main.stat().st_mtime_ns == whole_seconds * 10**9 + 5_000


def test_time_that_no_file_can_have_is_left_out(folder: TranscriptFolder, main: Path) -> None:
    begin = datetime.min.replace(tzinfo=UTC)
    assert folder.write(MAIN, iter([sample_event(line=1, timestamp=begin, **MAIN._asdict())]))
    assert main.exists()


@pytest.mark.parametrize(
    "there",
    [
        ONE + TWO,
        (ONE + TWO).replace(b"\n", b"\r\n"),
        (ONE + TWO).removesuffix(b"\n"),
        b"\xef\xbb\xbf" + ONE + TWO,
        b'{"n": 1, "type": "\\u0075ser"}\n' + TWO,
    ],
)
def test_what_is_there_and_equal_is_left_alone(
    folder: TranscriptFolder, main: Path, there: bytes
) -> None:
    put(main, there)
    for overwrite in (False, True):
        assert folder.write(MAIN, lines(1, 2), overwrite=overwrite) is False
        assert (main.read_bytes(), main.stat().st_mtime) == (there, 1_000)


@pytest.mark.parametrize("there", [b"", ONE, ONE.removesuffix(b"\n"), ONE + TWO])
def test_what_is_there_and_the_beginning_is_completed(
    folder: TranscriptFolder, main: Path, there: bytes
) -> None:
    put(main, there)
    assert folder.write(MAIN, lines(1, 2, 3))
    assert main.read_bytes() == ONE + TWO + THREE


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (TWO, "differs from what is stored"),
        (ONE + THREE, "differs from what is stored"),
        (b'{"type":"user","n":1.0}\n', "differs from what is stored"),
        (b"\n" + ONE + TWO, "differs from what is stored"),
        (ONE + b'{"type":"us', "differs from what is stored"),
        (b"\xff\n", "differs from what is stored"),
        (ONE + TWO + THREE, "goes on beyond what is stored; import it first"),
        (ONE + TWO + b'{"type":"us', "goes on beyond what is stored; import it first"),
    ],
)
def test_anything_else_that_is_there_is_overwritten_only_when_asked(
    folder: TranscriptFolder, main: Path, there: bytes, reason: str
) -> None:
    put(main, there)
    with pytest.raises(SinkTaken) as caught:
        folder.write(MAIN, lines(1, 2))
    assert (caught.value.sink, caught.value.reason) == (str(main), reason)
    assert (main.read_bytes(), main.stat().st_mtime) == (there, 1_000)
    assert folder.write(MAIN, lines(1, 2), overwrite=True)
    assert main.read_bytes() == ONE + TWO
    assert files(folder) == [f"{KEY}/{CLAUDE}.jsonl"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_claude_code_writes_meanwhile_is_not_lost(
    folder: TranscriptFolder, main: Path, overwrite: bool
) -> None:
    put(main, ONE if not overwrite else TWO)

    def writing() -> Iterator[Event]:
        yield from lines(1, 2)
        with main.open("ab") as file:
            file.write(THREE)

    with pytest.raises(SinkUnwritable, match="was written to meanwhile"):
        folder.write(MAIN, writing(), overwrite=overwrite)
    assert main.read_bytes().endswith(THREE)
    assert files(folder) == [f"{KEY}/{CLAUDE}.jsonl"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_appears_meanwhile_is_not_lost(
    folder: TranscriptFolder, main: Path, overwrite: bool
) -> None:
    def appearing() -> Iterator[Event]:
        yield from lines(1)
        put(main, THREE)

    with pytest.raises(SinkTaken, match="has appeared meanwhile"):
        folder.write(MAIN, appearing(), overwrite=overwrite)
    assert main.read_bytes() == THREE
    assert files(folder) == [f"{KEY}/{CLAUDE}.jsonl"]


def test_file_systems_without_links_are_enough(
    folder: TranscriptFolder, main: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert folder.write(MAIN, lines(1))
    assert files(folder) == [f"{KEY}/{CLAUDE}.jsonl"]


@pytest.mark.parametrize(
    ("there", "new", "is_written"),
    [
        ('{"agentType":"worker"}', {}, False),
        ('{\n "agentType": "worker"\n}', {}, False),
        ('{"agentType":"worker"}', {"finished": True}, True),
        ('{"agentType":"other"}', {"finished": True}, None),
        ('{"agentType":"worker","finished":true}', {}, None),
        ("no JSON", {}, None),
    ],
)
def test_metadata_may_have_grown(
    folder: TranscriptFolder, there: str, new: dict[str, Any], is_written: bool | None
) -> None:
    beside = folder.projects / KEY / CLAUDE / "subagents" / "agent-1.meta.json"
    put(beside, there.encode())
    put(beside.with_name("agent-1.jsonl"), ONE)
    if is_written is None:
        with pytest.raises(SinkTaken) as caught:
            folder.write(AGENT, iter([*lines(1, 2, of=AGENT), metadata(**new)]))
        assert caught.value.sink == str(beside)
        assert beside.read_text() == there
        assert beside.with_name("agent-1.jsonl").read_bytes() == ONE
    else:
        assert folder.write(AGENT, iter([*lines(1, of=AGENT), metadata(**new)])) is is_written
    assert folder.write(AGENT, iter([*lines(1, 2, of=AGENT), metadata(**new)]), overwrite=True)


def test_metadata_is_the_last_there_is(folder: TranscriptFolder) -> None:
    told = [metadata(), *lines(1, of=AGENT), metadata(finished=True), *lines(2, of=AGENT)]
    assert folder.write(AGENT, iter(told))
    beside = folder.projects / KEY / CLAUDE / "subagents" / "agent-1.meta.json"
    assert beside.read_text() == '{"agentType":"worker","finished":true}'
    assert beside.with_name("agent-1.jsonl").read_bytes() == ONE + TWO


LONG = "x" * 250


@pytest.mark.parametrize(
    "transcript",
    [
        Transcript("..", CLAUDE, ""),
        Transcript("", CLAUDE, ""),
        Transcript("/etc", CLAUDE, ""),
        Transcript("a/../..", CLAUDE, ""),
        Transcript("a\\..\\b", CLAUDE, ""),
        Transcript("\x00", CLAUDE, ""),
        Transcript("\udcff", CLAUDE, ""),
        Transcript(KEY, "../../escaped", ""),
        Transcript(KEY, ".", ""),
        Transcript(KEY, "/tmp/escaped", ""),
        Transcript(KEY, LONG, ""),
        Transcript(KEY, "ü" * 126, ""),
        Transcript(KEY, CLAUDE, "../escaped"),
        Transcript(KEY, CLAUDE, "subagents/../../../escaped"),
        Transcript(KEY, CLAUDE, "/tmp/escaped"),
        Transcript(KEY, CLAUDE, "subagents//agent-1"),
        Transcript(KEY, CLAUDE, f"subagents/{LONG}"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(
    folder: TranscriptFolder, tmp_path: Path, transcript: Transcript
) -> None:
    with pytest.raises(SinkUnwritable, match="name"):
        folder.write(transcript, lines(1))
    assert list(tmp_path.rglob("*")) == []


def test_names_are_a_problem_of_their_transcripts_alone(
    store: TranscriptStore, folder: TranscriptFolder, tmp_path: Path
) -> None:
    append_to_transcript(store, Transcript(KEY, "../../escaped", ""), [{"type": "mode"}])
    append_to_transcript(store, MAIN, [{"type": "mode"}])
    report = export_all_transcripts(store, folder)
    [problem] = report.problems
    assert problem.transcript == Transcript(KEY, "../../escaped", "")
    assert (report.transcripts, report.written, report.taken) == (2, 1, 0)
    assert files(folder) == [f"{KEY}/{CLAUDE}.jsonl"]


def test_a_file_in_the_way_of_a_folder_is_a_problem(
    folder: TranscriptFolder, tmp_path: Path
) -> None:
    put(folder.projects / KEY, b"a file")
    with pytest.raises(SinkUnwritable, match="Not a directory") as caught:
        folder.write(MAIN, lines(1))
    assert not isinstance(caught.value, SinkTaken)


def test_a_full_disk_is_a_problem_and_leaves_nothing(
    store: TranscriptStore,
    history: History,
    folder: TranscriptFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history.write(history.line(1))
    history.write(history.line(2), path=history.root / "-code-site" / history.main.name)
    imported(store, history.root)
    flush, calls = os.fsync, iter(range(10))

    def fail_once(descriptor: int) -> None:
        if next(calls) == 0:
            raise OSError(28, "No space left on device")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    report = export_all_transcripts(store, folder)
    [problem] = report.problems
    assert problem.reason == "No space left on device"
    assert (report.written, files(folder)) == (1, [f"-code-site/{CLAUDE}.jsonl"])
    assert exported(store, folder).written == 1


def test_whatever_a_line_holds_is_one_line(folder: TranscriptFolder, main: Path) -> None:
    odd = {"\n": "\r\n\x85\u2028\x00\ud800", "n": 2**70}
    folder.write(MAIN, iter([sample_event(line=1, data=odd, **MAIN._asdict())]))
    assert main.read_bytes().count(b"\n") == 1
    assert main.read_bytes().isascii()


def test_whatever_text_a_line_was_read_from_it_is_one_line(
    folder: TranscriptFolder, main: Path
) -> None:
    read = parse_object(b'{\n  "type": "user",\r\n  "n": 1\n}')
    assert read is not None
    folder.write(MAIN, iter([sample_event(line=1, data=read, **MAIN._asdict())]))
    assert main.read_bytes() == ONE
