"""A file that appears when it is whole, and only where nothing else is lost by it."""

from __future__ import annotations

import os
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final

from memva.adapters.claude_code.folders import reason
from memva.domain.errors import SinkTaken, SinkUnwritable
from memva.domain.json import canonical_json, parse_object
from memva.domain.text import clean_text

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_PIECE: Final = 1024 * 1024


class NewFile:
    """A file of JSON lines in the making, compared with the one that is there line by line.

    As long as the two are equal nothing is written. From there on a draft is, beside it, which
    takes its place in `publish`. To be used in a `with` block, which leaves no draft behind.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Begin; with `overwrite` a file may be lost that is not the beginning of the new one."""
        self._path = path
        self._overwrite = overwrite
        self._old: IO[bytes] | None = None
        self._seen: os.stat_result | None = None
        self._equal = 0
        self._draft: IO[bytes] | None = None
        self._draft_path = path

    def __enter__(self) -> NewFile:
        with _writable(self._path), suppress(FileNotFoundError):
            self._old = self._path.open("rb")
            self._seen = os.fstat(self._old.fileno())
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._old, self._draft):
            if file is not None:
                with suppress(OSError):
                    file.close()
        if self._draft is not None:
            with suppress(OSError):
                self._draft_path.unlink()

    def add(self, line: bytes, *, end: bytes = b"\n") -> None:
        """Add a line of JSON.

        Raises:
            SinkTaken: The file that is there has another line in its place.
            SinkUnwritable: It cannot be read or written.
        """
        with _writable(self._path):
            if self._draft is None and self._is_next(line):
                return
            draft = self._draft or self._begin()
            draft.write(line)
            draft.write(end)

    def end(self) -> None:
        """Check that the file that is there does not go on.

        Raises:
            SinkTaken: It does.
            SinkUnwritable: It cannot be read.
        """
        with _writable(self._path):
            if self._draft is None and self._old is not None and self._old.read(1):
                if not self._overwrite:
                    raise self._taken("goes on beyond what is stored; import it first")
                self._begin()

    def publish(self, written_at: datetime) -> bool:
        """Give the draft its name, and `written_at` for its time; return False without a draft.

        Raises:
            SinkTaken: A file has appeared there meanwhile.
            SinkUnwritable: The file that was there was written to meanwhile, or it cannot be done.
        """
        if self._draft is None:
            return False
        with _writable(self._path):
            self._draft.flush()
            os.fsync(self._draft.fileno())
            self._draft.close()
            # There are times that a file system does not know.
            with suppress(OSError, OverflowError):
                nanoseconds = (written_at - _EPOCH) // timedelta(microseconds=1) * 1_000
                os.utime(self._draft_path, ns=(nanoseconds, nanoseconds))
            if self._seen is None:
                self._give_new_name()
            elif _state(self._path.stat()) == _state(self._seen):
                self._draft_path.replace(self._path)
            else:
                raise SinkUnwritable(_name(self._path), "was written to meanwhile")
        return True

    def _is_next(self, line: bytes) -> bool:
        """Tell whether the file that is there goes on with this line; a file that ends does not."""
        old = b"" if self._old is None else self._old.readline()
        if old and not _are_equal(old, line):
            if not self._overwrite:
                raise self._taken("differs from what is stored")
            return False
        self._equal += len(old)
        return old != b""

    def _begin(self) -> IO[bytes]:
        """Make the draft, with the lines so far, and return it."""
        folder = self._path.parent
        missing = [above for above in (folder, *folder.parents) if not above.exists()]
        for above in reversed(missing):
            above.mkdir(mode=0o700, exist_ok=True)
        # Nobody takes it for a transcript by its name.
        descriptor, name = tempfile.mkstemp(prefix=".memva-", suffix=".tmp", dir=folder)
        self._draft_path = Path(name)
        self._draft = draft = os.fdopen(descriptor, "wb")
        if self._old is not None:
            self._old.seek(0)
            left, piece = self._equal, b"\n"
            while left and (piece := self._old.read(min(left, _PIECE))):
                draft.write(piece)
                left -= len(piece)
            if not piece.endswith(b"\n"):
                draft.write(b"\n")
        return draft

    def _give_new_name(self) -> None:
        try:
            # A link, unlike a renaming, never takes the place of what has appeared there.
            os.link(self._draft_path, self._path)
        except FileExistsError as error:
            raise self._taken("has appeared meanwhile") from error
        except OSError:
            # Some file systems, those of memory sticks for one, have no links.
            if os.path.lexists(self._path):
                raise
            self._draft_path.replace(self._path)

    def _taken(self, reason: str) -> SinkTaken:
        return SinkTaken(_name(self._path), reason)


def _are_equal(old: bytes, line: bytes) -> bool:
    old = old.removeprefix(BOM_UTF8).strip()
    if old == line:
        return True
    try:
        found, wanted = (canonical_json(parse_object(each), field="line") for each in (old, line))
    except ValueError:
        return False
    return found == wanted


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _name(path: Path) -> str:
    return clean_text(str(path))


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkUnwritable(_name(path), reason(error)) from error
