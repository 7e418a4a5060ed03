"""Stopping a copy at a moment that is counted out."""

from __future__ import annotations

from collections.abc import Callable


class Stopped(BaseException):
    """It was stopped, as by Ctrl-C."""


def stop() -> None:
    """Stop whoever calls."""
    raise Stopped


def after(moments: int, then: Callable[[], None]) -> Callable[..., None]:
    """Return what counts how often it is called, and then does something."""
    left = moments

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            then()

    return count


def told_to(tell: Callable[[], None], call: Callable[..., object]) -> Callable[..., object]:
    """Return a call that tells each time when it is done."""

    def calling(*args: object, **kwargs: object) -> object:
        done = call(*args, **kwargs)
        tell()
        return done

    return calling
