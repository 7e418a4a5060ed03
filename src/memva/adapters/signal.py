"""How threads of one process learn that another of its threads has committed something."""

from __future__ import annotations

import threading
import time


class Signal:
    """A count of commits that threads can wait on."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._waiting = 0
        self.count = 0

    def notify(self) -> None:
        """Count a commit, and wake whoever waits."""
        # The count first: who begins to wait from here on sees it.
        self.count += 1
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def wait(self, seen: int, timeout: float) -> int:
        """Return the count, once it is another than `seen` or `timeout` seconds have passed."""
        give_up = time.monotonic() + timeout
        with self._changed:
            self._waiting += 1
            try:
                while self.count == seen:
                    left = give_up - time.monotonic()
                    if left <= 0:
                        break
                    self._changed.wait(left)
                return self.count
            finally:
                self._waiting -= 1
