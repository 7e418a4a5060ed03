"""Transcripts in files: a single one, one project's, or a whole `projects` folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, NamedTuple

from memva.domain.errors import SourceUnreadable
from memva.domain.event import Transcript
from memva.domain.ports import SourceLine, SourceTranscript
from memva.domain.text import clean_text
from memva.domain.transcript import TranscriptLine, project_key, read_line

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SUBAGENT: Final = "agent-"
_FINGERPRINT_BYTES: Final = 1024
_HEAD_LINES: Final = 50
"""How many lines are looked into for what a file's name does not say."""


def default_projects_folder() -> Path:
    """Return where Claude Code keeps its transcripts for this user.

    That is `projects` below `$CLAUDE_CONFIG_DIR`, or below `~/.claude` where that is not set.
    """
    configured = os.environ.get("CLAUDE_CONFIG_DIR")
    return (Path(configured) if configured else Path.home() / ".claude") / "projects"


class _Found(NamedTuple):
    path: Path
    project: Path


class TranscriptFiles:
    """A source of transcripts in files; `memva.domain.ports.TranscriptSource` says what it does."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the transcripts at `path`.

        That may be one file, the folder of one project, or a folder of projects: a folder that
        has transcripts itself is a project's.
        """
        self._root = Path(path).absolute()
        self._found: dict[str, _Found] = {}

    def transcripts(self) -> list[SourceTranscript]:
        """Return what there is, a session's main conversation before its subagents'."""
        with _readable(self._root):
            files = self._find()
        transcripts = []
        for found in files:
            try:
                status = found.path.stat()
            except OSError:
                # It has gone since the folder was listed, which is normal.
                continue
            name = clean_text(str(found.path))
            self._found[name] = found
            transcripts.append(
                SourceTranscript(
                    source=name,
                    size=status.st_size,
                    version=f"{status.st_size}-{status.st_mtime_ns}",
                    modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
                )
            )
        return transcripts

    def identify(self, source: str, /) -> Transcript:
        """Return which transcript this is; it looks into the file where its name does not tell."""
        path, folder = self._file(source)
        below = path.relative_to(folder)
        if len(below.parts) > 1:
            session_id = below.parts[0]
            subpath = below.relative_to(session_id).with_suffix("").as_posix()
        elif path.stem.startswith(_SUBAGENT):
            session_id = self._in_head(path, "session_id") or path.stem
            subpath = f"subagents/{path.stem}"
        else:
            named = bool(_UUID.fullmatch(path.stem))
            session_id = path.stem if named else self._in_head(path, "session_id") or path.stem
            subpath = ""
        key = folder.name
        if self._root == path and folder.parent.name != "projects":
            # A file that was copied elsewhere still belongs to the project it speaks of.
            key = project_key(self._in_head(path, "cwd") or "") or key
        return Transcript(clean_text(key), clean_text(session_id), clean_text(subpath))

    def fingerprint(self, source: str, /, offset: int) -> str:
        """Return a digest of up to 1,024 bytes before `offset`."""
        path = self._file(source).path
        begin = max(0, offset - _FINGERPRINT_BYTES)
        with _readable(path), path.open("rb") as file:
            file.seek(begin)
            content = file.read(offset - begin)
        if len(content) < offset - begin:
            raise SourceUnreadable(source, "ends before what was read of it")
        return hashlib.blake2b(content, digest_size=16).hexdigest()

    def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
        """Yield the lines after the first `offset` bytes, which hold `line` lines."""
        path = self._file(source).path
        with _readable(path), path.open("rb") as file:
            if offset and not _ends_a_line(file, offset):
                # The last line read had no end yet; what Claude Code wrote first then is its end.
                offset += len(_line_end(file))
            file.seek(offset)
            for content in file:
                line += 1
                offset += len(content)
                complete = content.endswith(b"\n")
                yield SourceLine(line, offset, content.rstrip(b"\r\n"), complete)

    def _find(self) -> list[_Found]:
        if self._root.is_file():
            return [_Found(self._root, _project_of(self._root))]
        if not self._root.is_dir():
            raise SourceUnreadable(str(self._root), "there is no such file or folder")
        if any(self._root.glob("*.jsonl")):
            return _in_project(self._root)
        projects = sorted(folder for folder in self._root.iterdir() if folder.is_dir())
        return [found for folder in projects for found in _in_project(folder)]

    def _file(self, source: str) -> _Found:
        try:
            return self._found[source]
        except KeyError:
            raise SourceUnreadable(source, "is not among this source's transcripts") from None

    def _in_head(self, path: Path, field: str) -> str | None:
        with _readable(path), path.open("rb") as file:
            for _, content in zip(range(_HEAD_LINES), file, strict=False):
                line = _parsed(content)
                found = None if line is None else getattr(line, field)
                if found is not None:
                    return str(found)
        return None


def _in_project(folder: Path) -> list[_Found]:
    """Return a project's transcripts, each session's main one before its subagents'."""
    beside = sorted(path for path in folder.glob("*.jsonl") if path.is_file())
    below = sorted(path for path in folder.glob("*/**/*.jsonl") if path.is_file())
    # Older versions wrote subagents' files beside the main ones.
    mains_first = sorted(beside, key=lambda path: path.name.startswith(_SUBAGENT))
    return [_Found(path, folder) for path in mains_first + below]


def _project_of(path: Path) -> Path:
    """Return the folder of the project that a file given alone belongs to."""
    for folder in path.parents:
        if folder.name == "subagents":
            return folder.parent.parent
    return path.parent


def _parsed(content: bytes) -> TranscriptLine | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return read_line(data) if isinstance(data, dict) else None


def _ends_a_line(file: IO[bytes], offset: int) -> bool:
    file.seek(offset - 1)
    return file.read(1) == b"\n"


def _line_end(file: IO[bytes]) -> bytes:
    following = file.read(2)
    return next((end for end in (b"\r\n", b"\n") if following.startswith(end)), b"")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SourceUnreadable(clean_text(str(path)), reason) from error
