"""Transcripts in files: a single one, one project's, or a whole `projects` folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import IO, Final

from memva.adapters.claude_code.folders import (
    Folders,
    is_session_id,
    readable,
    reason,
)
from memva.adapters.claude_code.metadata import (
    SUBAGENT,
    is_metadata,
    metadata_line,
    transcript_beside,
)
from memva.adapters.claude_code.watch import watching
from memva.domain.errors import SourceUnreadable
from memva.domain.event import Transcript
from memva.domain.line import TranscriptLine, project_key, read_line
from memva.domain.text import clean_text
from memva.domain.transcript_ports import SourceLine, SourceTranscript, SourceVersions, SourceWatch

_FINGERPRINT_BYTES: Final = 1024
_USUAL_BYTES: Final = 64 * 1024
"""How long lines usually are at most."""

_HEAD_LINES: Final = 50
"""How many lines are looked into for what a file's name does not say."""


def default_projects_folder() -> Path:
    """Return where Claude Code keeps its transcripts for this user.

    That is `projects` below `$CLAUDE_CONFIG_DIR`, or below `~/.claude` where that is not set.
    """
    configured = os.environ.get("CLAUDE_CONFIG_DIR")
    return (Path(configured) if configured else Path.home() / ".claude") / "projects"


class TranscriptFiles:
    """A source of transcripts in files.

    `memva.domain.transcript_ports.WatchableSource` says what it does.
    """

    def __init__(self, path: str | os.PathLike[str], *, polling: bool = False) -> None:
        """Take the transcripts at `path`.

        That may be one file, the folder of one project, or a folder of projects: a folder that
        has transcripts itself is a project's, unless it is called `projects`.

        Args:
            path: The file or folder; it may come into being later.
            polling: Whether a watch looks for changes from time to time although the system could
                tell of them, as it cannot where another machine writes into a shared folder.
        """
        self._root = Path(path).absolute()
        self._folders = Folders(self._root)
        self._polling = polling
        self._odd_paths: dict[str, str] = {}
        self._problems: dict[str, str] = {}

    def versions(self) -> SourceVersions:
        """Return the versions of all there is, main conversations before subagents'."""
        transcripts: dict[str, str] = {}
        descriptions: dict[str, str] = {}
        self._problems = {}
        for beginning, names, metadata, problem in self._folders.listed():
            if problem is None:
                self._add_versions(beginning, names, transcripts)
                if metadata:
                    self._add_versions(beginning, metadata, descriptions)
            else:
                paths = (beginning + name for name in names)
                self._problems |= dict.fromkeys(map(self._source, paths), problem)
        transcripts |= dict.fromkeys(self._problems, "")
        return SourceVersions(transcripts, descriptions)

    def _add_versions(self, beginning: str, names: list[str], versions: dict[str, str]) -> None:
        for name in names:
            # There may be tens of thousands of them: whatever is done here counts.
            source = path = beginning + name
            if not path.isascii():
                source = self._source(path)
            try:
                status = os.stat(path)
            except FileNotFoundError:
                # It has gone since the folder was listed, which is normal.
                continue
            except OSError:
                versions[source] = ""
            else:
                if S_ISREG(status.st_mode):
                    versions[source] = _version(status)

    def transcripts(self, sources: Iterable[str], /) -> list[SourceTranscript]:
        """Return what is known of these, without those that have gone."""
        found = map(self._transcript, sources)
        return [transcript for transcript in found if transcript is not None]

    def watch(self) -> AbstractContextManager[SourceWatch]:
        """Watch for changes in the `with` block."""
        return watching(self, self._folders, polling=self._polling)

    def at(self, path: str) -> list[str]:
        """Return the names of the transcripts that may be at or below a path of this place."""
        return [
            self._source(listing.beginning + name)
            for listing in self._folders.listed_at(path)
            for name in (*listing.names, *listing.metadata)
        ]

    def _source(self, path: str) -> str:
        """Return the name of the transcript at a path."""
        # Names that are not UTF-8 stay apart, as two of them are two transcripts.
        source = os.fsencode(path).decode(errors="backslashreplace")
        if source != path:
            self._odd_paths[source] = path
        return source

    def _transcript(self, source: str) -> SourceTranscript | None:
        problem = self._problems.get(source)
        path = Path(self._odd_paths.get(source, source))
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            status, problem = os.stat_result([0] * 10), reason(error)
        if problem is None and not S_ISREG(status.st_mode):
            return None
        return SourceTranscript(
            source=source,
            size=status.st_size if problem is None else 0,
            version="" if problem else _version(status),
            modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
            problem=problem,
            describes=self._source(str(transcript_beside(path))) if is_metadata(path) else None,
        )

    def identify(self, source: str, /) -> Transcript:
        """Return which transcript this is; it looks into the file where its name does not tell."""
        path, folder = self._file(source)
        alone = path == self._root
        if is_metadata(path):
            path = transcript_beside(path)
        below = path.relative_to(folder)
        subpath = ""
        if len(below.parts) > 1:
            session_id = below.parts[0]
            subpath = below.relative_to(session_id).with_suffix("").as_posix()
        elif is_session_id(path.stem):
            session_id = path.stem
        else:
            if path.stem.startswith(SUBAGENT):
                subpath = f"subagents/{path.stem}"
            named = self._in_head(path, "session_id")
            if named is None and not alone:
                raise SourceUnreadable(source, "is no transcript: it names no session")
            session_id = named or path.stem
        key = folder.name
        if alone and folder.parent.name != "projects":
            # A file that was copied elsewhere still belongs to the project it speaks of.
            key = project_key(self._in_head(path, "cwd") or "") or key
        return Transcript(clean_text(key), clean_text(session_id), clean_text(subpath))

    def fingerprint(self, source: str, /, offset: int) -> str:
        """Return a digest of up to 1,024 bytes before `offset`, or of all that is no transcript."""
        path, _ = self._file(source)
        if is_metadata(path):
            with readable(os.fspath(path)):
                return _digest(path.read_bytes())
        begin = max(0, offset - _FINGERPRINT_BYTES)
        with readable(os.fspath(path)), path.open("rb") as file:
            file.seek(begin)
            content = file.read(offset - begin)
        if len(content) < offset - begin:
            raise SourceUnreadable(source, "ends before what was read of it")
        return _digest(content)

    def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
        """Yield the lines after the first `offset` bytes, which hold `line` lines."""
        path, _ = self._file(source)
        if is_metadata(path):
            if not offset:
                with readable(os.fspath(path)):
                    yield metadata_line(path.read_bytes())
            return
        with readable(os.fspath(path)), path.open("rb") as file:
            if offset and not _ends_a_line(file, offset):
                # The last line read had no end yet; what Claude Code wrote first then is its end.
                offset += len(_line_end(file))
            file.seek(offset)
            while True:
                content, length, complete = _line_at(file, offset)
                if not length:
                    return
                line += 1
                offset += length
                yield SourceLine(line, offset, content, complete)
                # Lines may be megabytes long: this one goes before the next is read.
                del content

    def _file(self, source: str) -> tuple[Path, Path]:
        """Return the path of a transcript, and that of its project's folder."""
        path = Path(self._odd_paths.get(source, source))
        project = self._folders.project_of(transcript_beside(path) if is_metadata(path) else path)
        if project is None:
            raise SourceUnreadable(source, "is not among this source's transcripts")
        return path, project

    def _in_head(self, path: Path, field: str) -> str | None:
        with readable(os.fspath(path)), path.open("rb") as file:
            for _, content in zip(range(_HEAD_LINES), file, strict=False):
                line = _parsed(content)
                found = None if line is None else getattr(line, field)
                if found is not None:
                    return str(found)
        return None


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _parsed(content: bytes) -> TranscriptLine | None:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return read_line(data) if isinstance(data, dict) else None


def _line_at(file: IO[bytes], offset: int) -> tuple[bytes, int, bool]:
    """Return the line that begins at `offset`, where `file` stands.

    That is its content without the newline, its length with it, and whether it has one.
    """
    content = piece = file.readline(_USUAL_BYTES)
    length = len(content)
    while len(piece) == _USUAL_BYTES and not piece.endswith(b"\n"):
        piece = file.readline(_USUAL_BYTES)
        length += len(piece)
    complete = piece.endswith(b"\n")
    if length > len(content):
        # Reading a long line in one piece takes half the memory of collecting it.
        file.seek(offset)
        content = file.read(length - complete)
        file.seek(offset + length)
        return content, length, complete
    return content.removesuffix(b"\n"), length, complete


def _ends_a_line(file: IO[bytes], offset: int) -> bool:
    file.seek(offset - 1)
    return file.read(1) == b"\n"


def _line_end(file: IO[bytes]) -> bytes:
    following = file.read(2)
    return next((end for end in (b"\r\n", b"\n") if following.startswith(end)), b"")
