"""What the system tells of changes below a folder, or to a file, by way of `watchfiles`."""

from __future__ import annotations

import os
import time
from typing import Final

_STEP_MILLISECONDS: Final = 50
_TOGETHER_MILLISECONDS: Final = 200
"""How long changes that go on are gathered."""

_SLICE_MILLISECONDS: Final = 100


class NoticesUnavailable(Exception):
    """The system cannot tell of changes, or nothing is installed that asks it."""


class Notices:
    """Notices of changes, from its construction on."""

    def __init__(self, base: str) -> None:
        """Ask for notices of whatever lies below a folder, or of a file.

        Raises:
            FileNotFoundError: There is neither.
            NoticesUnavailable: There can be none.
        """
        try:
            from watchfiles import watch
        except ImportError as error:
            raise NoticesUnavailable("watchfiles is not installed") from error
        self._base = base
        # Notices name files by their real paths.
        self._real_base = os.path.realpath(base)
        is_folder = os.path.isdir(base)
        self._watched = self._real_base if is_folder else os.path.dirname(self._real_base)
        self._identity = _identity(self._watched)
        self._each = watch(
            self._watched,
            watch_filter=None,
            debounce=_TOGETHER_MILLISECONDS,
            step=_STEP_MILLISECONDS,
            rust_timeout=_SLICE_MILLISECONDS,
            yield_on_timeout=True,
            recursive=is_folder,
            ignore_permission_denied=True,
        )
        # It begins only when it is first asked.
        self._noticed = self._next()

    def wait(self, timeout: float) -> list[str]:
        """Return the paths of what changed, or none after `timeout` seconds.

        Raises:
            NoticesUnavailable: There are none any more.
        """
        end = time.monotonic() + timeout
        while not self._noticed and time.monotonic() < end:
            self._noticed = self._next()
        noticed, self._noticed = self._noticed, []
        if self._watched in noticed:
            self._identity = None
        return [
            f"{self._base}{path.removeprefix(self._real_base)}"
            for path in noticed
            if path.startswith(self._real_base)
        ]

    def are_of(self, base: str) -> bool:
        """Tell whether notices of `base` still come: it is the one asked for, and was not moved."""
        return base == self._base and self._identity == _identity(self._watched) is not None

    def end(self) -> None:
        """Want no more notices."""
        self._each.close()

    def _next(self) -> list[str]:
        try:
            return [path for _, path in next(self._each)]
        except FileNotFoundError:
            raise
        except (OSError, RuntimeError) as error:
            raise NoticesUnavailable(str(error)) from error


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino
