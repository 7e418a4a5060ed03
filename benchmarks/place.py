"""Where benchmarks put their files: a cache for what is slow to make, and room for the rest."""

from __future__ import annotations

import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from memva.adapters.sqlite.migrations import MIGRATIONS

_VERSION: Final = 2
"""Raise it whenever the generated files change; a change of the schema counts by itself."""

CACHE: Final = Path(__file__).parents[1] / ".cache" / "benchmarks"


class Place:
    """A folder for files to keep, and one on the same disk for files of this run."""

    def __init__(self, kept: Path, temporary: Path) -> None:
        self._kept = kept
        self._temporary = temporary

    def cached(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return the file or folder `name`, which `make` makes at the path that it is given."""
        path = self._kept / name
        if not path.exists():
            partial = self.new_folder() / name
            make(partial)
            partial.rename(path)
        return path

    def copy(self, path: Path) -> Path:
        """Return a copy of a file that may be written to, once it is on the disk."""
        copy = Path(shutil.copy(path, self.new_folder()))
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        return copy

    def new_folder(self) -> Path:
        """Return an empty folder that goes when the run ends."""
        return Path(tempfile.mkdtemp(dir=self._temporary))


@contextmanager
def open_place(*, keep: bool) -> Iterator[Place]:
    """Give a place; what is cached outlives the run where `keep` says so."""
    kept = CACHE / f"{_VERSION}-{zlib.crc32(repr(MIGRATIONS).encode()):08x}"
    if keep:
        outdated = [folder for folder in CACHE.glob("*-*") if folder != kept]
        for folder in outdated:
            shutil.rmtree(folder, ignore_errors=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="run") as name:
        temporary = Path(name)
        if not keep:
            kept = temporary / "kept"
        kept.mkdir(exist_ok=True)
        yield Place(kept, temporary)
