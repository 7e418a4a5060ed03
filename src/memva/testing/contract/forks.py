"""A child that goes on where its parent is, as a host that forks has."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

from memva.domain.errors import StoreUnavailable

REFUSED = 98
"""The result of work that raised `StoreUnavailable`."""


def forked(work: Callable[[], int]) -> Callable[[], int]:
    """Run `work` in a forked child; return a function that waits for it and gives its result.

    The result is a small number: it is the child's exit status. 99 stands for any other error.
    """
    with warnings.catch_warnings():
        # Python warns of forks beside threads; that such a child works is what is to be shown.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os._exit(work())
        except StoreUnavailable:
            os._exit(REFUSED)
        except BaseException:
            os._exit(99)

    def result() -> int:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    return result
