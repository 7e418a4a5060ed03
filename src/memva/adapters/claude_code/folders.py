"""Where transcripts lie: in one file, in one project's folder, or in a whole `projects` folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from memva.adapters.claude_code.metadata import (
    METADATA_SUFFIX,
    SUBAGENT,
    TRANSCRIPT_SUFFIX,
    metadata_beside,
)
from memva.domain.errors import SourceUnreadable
from memva.domain.text import clean_text

_PROJECTS: Final = "projects"
_SUBAGENTS: Final = "subagents"
_BELOW_SESSION: Final = os.sep + _SUBAGENTS
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_session_id(name: str) -> bool:
    """Tell whether a name is that of a session of Claude Code's."""
    return _UUID.fullmatch(name) is not None


class Listing(NamedTuple):
    """Transcripts that lie in one folder.

    Attributes:
        beginning: What their paths begin with: the folder's path, with the separator after it.
        names: Their names in it, in order.
        metadata: The names of those files in it that say what a subagent is.
        problem: Why they cannot be read, or None. A folder that cannot be read stands for all that
            lies in it.
    """

    beginning: str
    names: list[str]
    metadata: list[str]
    problem: str | None = None


class Folders:
    """The folders below one place, which may be a file too.

    What kind of place it is may change, as long as nothing was there; it shows with each listing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._projects = os.path.dirname(root)
        self.base = os.fspath(root)
        """Below what all of the transcripts lie: a folder, or a file."""

    def listed(self) -> list[Listing]:
        """Return all there are: projects by name, main conversations before subagents'.

        Raises:
            SourceUnreadable: The place itself cannot be read.
        """
        self.settle()
        if self._root.is_file():
            folder, name = os.path.split(self._root)
            return [Listing(folder + os.sep, [name], metadata_beside(folder, name))]
        if self.base == self._projects:
            return _in_projects(self.base)
        found: list[Listing] = []
        _add_project(self.base, found)
        return found

    def listed_at(self, path: str) -> list[Listing]:
        """Return those at or below a path, which is below `base`; what has gone is no error.

        Raises:
            SourceUnreadable: The place itself cannot be read.
        """
        parts = self._parts(path)
        if len(parts) < 2 or path == self.base:
            # Another project, or another kind of place.
            return self.listed()
        found: list[Listing] = []
        if len(parts) > 2 and parts[2] != _SUBAGENTS:
            return found
        if not os.path.isdir(path):
            found.append(_file_at(path, of_session=len(parts) > 2))
        elif len(parts) == 2:
            _add_subagents(path + _BELOW_SESSION, found)
        else:
            _add_subagents(path, found)
        return found

    def project_of(self, path: Path) -> Path | None:
        """Return the folder of the project that a transcript belongs to; None if it is no one's."""
        if path == self._root:
            return _project_of(self._root)
        parts = self._parts(path)
        return Path(self._projects, parts[0]) if parts and parts[0] != os.pardir else None

    def settle(self) -> None:
        """See what kind of place it is by now.

        Raises:
            SourceUnreadable: It cannot be read.
        """
        root = os.fspath(self._root)
        self.base, self._projects = root, os.path.dirname(root)
        if self._root.is_file():
            return
        with readable(root):
            transcripts, _, others = _names(root)
        # Claude Code's own folder has lines of other kinds beside its projects.
        below = os.path.join(root, _PROJECTS)
        if _PROJECTS in others and os.path.isdir(below):
            self.base = self._projects = below
        # A project's folder is called after its path, which begins with a dash.
        elif self._root.name == _PROJECTS or not any(map(self._is_file, transcripts)):
            self._projects = root

    def _is_file(self, name: str) -> bool:
        return (self._root / name).is_file()

    def _parts(self, path: str | Path) -> tuple[str, ...]:
        return Path(os.path.relpath(path, self._projects)).parts


def _in_projects(root: str) -> list[Listing]:
    """Return the transcripts of each project in the folder `root`."""
    found: list[Listing] = []
    with readable(root):
        strays, _, projects = _names(root)
    beginning = root + os.sep
    if strays:
        problem = "stands beside the projects' folders, in none of them"
        found.append(Listing(beginning, strays, [], problem))
    for project in projects:
        _add_project(beginning + project, found)
    return found


def _add_project(project: str, found: list[Listing]) -> None:
    """Add a project's transcripts, each session's main one before its subagents'."""
    try:
        transcripts, _, others = _names(project)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        found.append(_unreadable(project, error))
        return
    # Older versions wrote subagents' files beside the main ones.
    transcripts.sort(key=lambda name: name.startswith(SUBAGENT))
    beginning = project + os.sep
    found.append(Listing(beginning, transcripts, []))
    for other in others:
        _add_subagents(beginning + other + _BELOW_SESSION, found)


def _add_subagents(folder: str, found: list[Listing]) -> None:
    try:
        transcripts, metadata, others = _names(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        found.append(_unreadable(folder, error))
        return
    beginning = folder + os.sep
    found.append(Listing(beginning, transcripts, metadata))
    for other in others:
        # A link may lead back.
        if not os.path.islink(beginning + other):
            _add_subagents(beginning + other, found)


def _unreadable(folder: str, error: OSError) -> Listing:
    above, name = os.path.split(folder)
    return Listing(above + os.sep, [name], [], reason(error))


def _file_at(path: str, *, of_session: bool) -> Listing:
    """Return a file as one that lies in its folder, where it is one that counts."""
    folder, name = os.path.split(path)
    names: list[str] = []
    metadata: list[str] = []
    if name.endswith(TRANSCRIPT_SUFFIX):
        names = [name]
        metadata = metadata_beside(folder, name) if of_session else []
    elif of_session and name.endswith(METADATA_SUFFIX):
        metadata = [name]
    return Listing(folder + os.sep, names, metadata)


def _names(folder: str) -> tuple[list[str], list[str], list[str]]:
    """Return the names in a folder as `_sorted` does.

    What is a folder shows when it is opened: to ask of each takes as long as all the rest.
    """
    return _sorted(os.listdir(folder))


def _sorted(names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the names that are transcripts', those of what says what they are, and the others."""
    names.sort()
    transcripts = [name for name in names if name.endswith(TRANSCRIPT_SUFFIX)]
    if len(transcripts) == len(names):
        return transcripts, [], []
    others = [name for name in names if not name.endswith(TRANSCRIPT_SUFFIX)]
    metadata = [name for name in others if name.endswith(METADATA_SUFFIX)]
    if not metadata:
        return transcripts, [], others
    told_of = {
        name.removesuffix(TRANSCRIPT_SUFFIX) + METADATA_SUFFIX
        for name in transcripts
        if name.startswith(SUBAGENT)
    }
    return (
        transcripts,
        [name for name in metadata if name in told_of],
        [name for name in others if not name.endswith(METADATA_SUFFIX)],
    )


def _project_of(path: Path) -> Path:
    """Return the folder of the project that a file given alone belongs to."""
    for folder in path.parents:
        if folder.name == _SUBAGENTS and is_session_id(folder.parent.name):
            return folder.parent.parent
    return path.parent


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Turn what the system says of a path into memva's own error."""
    try:
        yield
    except OSError as error:
        raise SourceUnreadable(clean_text(path), reason(error)) from error


def reason(error: OSError) -> str:
    """Return what the system says, for people to read."""
    return error.strerror or type(error).__name__
