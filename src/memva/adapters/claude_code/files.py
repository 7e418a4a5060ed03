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
from memva.domain.json import encode_json, parse_object
from memva.domain.line import AGENT_METADATA, TranscriptLine, project_key, read_line
from memva.domain.ports import SourceLine, SourceTranscript
from memva.domain.text import clean_text

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SUFFIX: Final = ".jsonl"
_METADATA: Final = ".meta.json"
_SUBAGENT: Final = "agent-"
_FINGERPRINT_BYTES: Final = 1024
_UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)
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


class _Found(NamedTuple):
    path: Path
    project: Path
    problem: str | None = None


class TranscriptFiles:
    """A source of transcripts in files; `memva.domain.ports.TranscriptSource` says what it does."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Take the transcripts at `path`.

        That may be one file, the folder of one project, or a folder of projects: a folder that
        has transcripts itself is a project's, unless it is called `projects`.
        """
        self._root = Path(path).absolute()
        self._found: dict[str, _Found] = {}

    def transcripts(self) -> list[SourceTranscript]:
        """Return what there is, a session's main conversation before its subagents'."""
        transcripts = []
        for found in self._find():
            name = _name(found.path)
            try:
                status = found.path.stat()
            except FileNotFoundError:
                # It has gone since the folder was listed, which is normal.
                continue
            except OSError as error:
                transcripts.append(_out_of_sight(name, _reason(error)))
                continue
            self._found[name] = found
            transcripts.append(
                SourceTranscript(
                    source=name,
                    size=status.st_size if found.problem is None else 0,
                    version=f"{status.st_size}-{status.st_mtime_ns}",
                    modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
                    problem=found.problem,
                    describes=_name(_transcript_beside(found.path))
                    if _is_metadata(found.path)
                    else None,
                )
            )
        return transcripts

    def identify(self, source: str, /) -> Transcript:
        """Return which transcript this is; it looks into the file where its name does not tell."""
        path, folder, _ = self._file(source)
        alone = path == self._root
        if _is_metadata(path):
            path = _transcript_beside(path)
        below = path.relative_to(folder)
        subpath = ""
        if len(below.parts) > 1:
            session_id = below.parts[0]
            subpath = below.relative_to(session_id).with_suffix("").as_posix()
        elif _UUID.fullmatch(path.stem):
            session_id = path.stem
        else:
            if path.stem.startswith(_SUBAGENT):
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
        path = self._file(source).path
        if _is_metadata(path):
            with _readable(path):
                return _digest(path.read_bytes())
        begin = max(0, offset - _FINGERPRINT_BYTES)
        with _readable(path), path.open("rb") as file:
            file.seek(begin)
            content = file.read(offset - begin)
        if len(content) < offset - begin:
            raise SourceUnreadable(source, "ends before what was read of it")
        return _digest(content)

    def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
        """Yield the lines after the first `offset` bytes, which hold `line` lines."""
        path = self._file(source).path
        if _is_metadata(path):
            if not offset:
                with _readable(path):
                    yield _metadata_line(path.read_bytes())
            return
        with _readable(path), path.open("rb") as file:
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

    def _find(self) -> Iterator[_Found]:
        if self._root.is_file():
            project = _project_of(self._root)
            return (_Found(path, project) for path in _with_metadata(self._root))
        with _readable(self._root):
            files, folders = _listed(self._root)
        # Claude Code's own folder has lines of other kinds beside its projects.
        if self._root / "projects" in folders:
            return _in_projects(self._root / "projects")
        # A project's folder is called after its path, which begins with a dash.
        if self._root.name != "projects" and any(path.suffix == _SUFFIX for path in files):
            return _in_project(self._root)
        return _in_projects(self._root)

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


def _name(path: Path) -> str:
    """Return what a source is called: names that are not UTF-8 stay apart."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _out_of_sight(name: str, problem: str) -> SourceTranscript:
    """Return what stands for a file that may not even be looked at."""
    return SourceTranscript(
        source=name, size=0, version="", modified_at=_UNKNOWN_TIME, problem=problem
    )


def _in_projects(root: Path) -> Iterator[_Found]:
    """Yield the transcripts of each project in the folder `root`."""
    with _readable(root):
        files, projects = _listed(root)
    for path in files:
        if path.suffix == _SUFFIX:
            yield _Found(path, root, "stands beside the projects' folders, in none of them")
    for project in projects:
        yield from _in_project(project)


def _in_project(project: Path) -> Iterator[_Found]:
    """Yield a project's transcripts, each session's main one before its subagents'."""
    try:
        files, sessions = _listed(project)
    except OSError as error:
        yield _Found(project, project, _reason(error))
        return
    # Older versions wrote subagents' files beside the main ones.
    for path in sorted(files, key=lambda path: path.name.startswith(_SUBAGENT)):
        if path.suffix == _SUFFIX:
            yield _Found(path, project)
    for session in sessions:
        yield from _subagents(session, project)


def _subagents(session: Path, project: Path) -> Iterator[_Found]:
    errors: list[OSError] = []
    for folder, folders, names in os.walk(session / "subagents", onerror=errors.append):
        folders.sort()
        for name in sorted(names):
            if name.endswith(_SUFFIX):
                for path in _with_metadata(Path(folder, name)):
                    yield _Found(path, project)
    for error in errors:
        if not isinstance(error, FileNotFoundError):
            yield _Found(Path(error.filename), project, _reason(error))


def _is_metadata(path: Path) -> bool:
    return path.name.endswith(_METADATA)


def _transcript_beside(metadata: Path) -> Path:
    return metadata.with_name(metadata.name.removesuffix(_METADATA) + _SUFFIX)


def _with_metadata(path: Path) -> Iterator[Path]:
    """Yield a transcript, and the file that says what the subagent is, where there is one."""
    yield path
    beside = path.with_name(path.stem + _METADATA)
    if path.name.startswith(_SUBAGENT) and beside.is_file():
        yield beside


def _metadata_line(content: bytes) -> SourceLine:
    """Return what a subagent is as the line that a session store of the Agent SDK's is given."""
    try:
        data = parse_object(content)
    except ValueError:
        data = None
    line = content
    if data is not None:
        line = encode_json({**data, "type": AGENT_METADATA}, field="data").encode()
    return SourceLine(1, len(content), line, complete=True)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _listed(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files and the folders that a folder holds, each sorted by name."""
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir(), entry.is_file()) for entry in entries)
    return (
        [folder / name for name, _, is_file in found if is_file],
        [folder / name for name, is_folder, _ in found if is_folder],
    )


def _project_of(path: Path) -> Path:
    """Return the folder of the project that a file given alone belongs to."""
    for folder in path.parents:
        if folder.name == "subagents" and _UUID.fullmatch(folder.parent.name):
            return folder.parent.parent
    return path.parent


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


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceUnreadable(clean_text(str(path)), _reason(error)) from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
