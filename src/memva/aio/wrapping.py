"""Making services awaitable: each keeps its parameters, its types, its errors and its docstring."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack
from functools import partial, wraps
from itertools import islice
from threading import Event
from typing import Any, Final, ParamSpec, TypeVar, cast

from memva.aio.blocks import perform
from memva.aio.watching import changes
from memva.domain.abilities import WatchableStore
from memva.domain.ports import Store
from memva.services.waiting import Steps

_P = ParamSpec("_P")
_T = TypeVar("_T")

_BLOCK: Final = 200


class _Stopped(Exception):
    """The call was cancelled, and ends between two batches."""


def awaitable(service: Callable[_P, _T]) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Return a service as a coroutine function.

    One that tells its progress stops at the next such moment where it is cancelled.
    """

    @wraps(service)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return await perform(_store(args, kwargs), partial(service, *args, **kwargs))

    @wraps(service)
    async def stoppable(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        stop = Event()
        named: dict[str, Any] = {**kwargs, "on_progress": _until(stop, kwargs.get("on_progress"))}
        return await perform(
            _store(args, kwargs), partial(service, *args, **named), on_cancel=stop.set
        )

    return stoppable if "on_progress" in inspect.signature(service).parameters else call


def iterated(service: Callable[_P, Iterator[_T]]) -> Callable[_P, AsyncGenerator[_T, None]]:
    """Return a service that returns an iterator as an asynchronous generator function.

    It fetches in blocks, and what the service raises is raised with the first one.
    """

    @wraps(service)
    async def generate(*args: _P.args, **kwargs: _P.kwargs) -> AsyncGenerator[_T, None]:
        store, items = _store(args, kwargs), _begun_late(partial(service, *args, **kwargs))
        block_is_full = True
        while block_is_full:
            block = await perform(store, lambda: list(islice(items, _BLOCK)))
            for item in block:
                yield item
            block_is_full = len(block) == _BLOCK

    return generate


def stepped(
    service: Callable[_P, Iterator[_T]], steps: Callable[_P, Iterator[Sequence[_T]]]
) -> Callable[_P, AsyncGenerator[_T, None]]:
    """Return a service that goes by short `steps`, each in a thread, as an asynchronous generator.

    It has a `stop`, which ends it within a step where its caller is cancelled.
    """

    @wraps(service)
    async def generate(*args: _P.args, **kwargs: _P.kwargs) -> AsyncGenerator[_T, None]:
        store, stopped = _store(args, kwargs), Event()
        named: dict[str, Any] = {**kwargs, "stop": _either(stopped, kwargs.get("stop"))}
        going = _begun_late(partial(steps, *args, **named))
        try:
            while (step := await _next(store, going, stopped)) is not None:
                for item in step:
                    yield item
        finally:
            await perform(store, going.close)

    return generate


def _next(
    store: Store, going: Iterator[Sequence[_T]], stopped: Event
) -> Coroutine[Any, Any, Sequence[_T] | None]:
    return perform(store, partial(next, going, None), on_cancel=stopped.set)


def followed(
    service: Callable[_P, Iterator[_T]], steps: Callable[_P, Steps[_T]]
) -> Callable[_P, AsyncGenerator[_T, None]]:
    """Return a service that goes by `steps` as an asynchronous generator function.

    It waits on the loop, and takes a thread for each step alone.
    """
    return wraps(service)(_going_by(steps))


def waited(
    service: Callable[_P, _T], steps: Callable[_P, Steps[_T]]
) -> Callable[_P, Coroutine[Any, Any, _T]]:
    """Return a service that goes by `steps`, to the one thing it returns, as a coroutine function.

    It waits as `followed` says.
    """
    found = _going_by(steps)

    @wraps(service)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        [item] = [item async for item in found(*args, **kwargs)]
        return item

    return call


def _going_by(steps: Callable[_P, Steps[_T]]) -> Callable[_P, AsyncGenerator[_T, None]]:
    async def generate(*args: _P.args, **kwargs: _P.kwargs) -> AsyncGenerator[_T, None]:
        store = cast("WatchableStore", _store(args, kwargs))
        following = _begun_late(partial(steps, *args, **kwargs))
        changed = None
        async with AsyncExitStack() as stack:
            while (step := await perform(store, partial(next, following, None))) is not None:
                if not isinstance(step, float):
                    for item in step:
                        yield item
                elif changed is None:
                    # What was committed since the look is found by another one.
                    changed = await stack.enter_async_context(changes(store))
                else:
                    await changed(step)

    return generate


def _store(args: tuple[object, ...], kwargs: Mapping[str, object]) -> Store:
    return cast("Store", args[0] if args else kwargs.get("store"))


def _begun_late(begin: Callable[[], Iterator[_T]]) -> Generator[_T, None, None]:
    """Yield what an iterator gives, which is made when the first item is asked for."""
    yield from begin()


def _either(stopped: Event, stop: object) -> Callable[[], bool]:
    """Return a function that tells whether to stop, for one reason or the other."""
    return lambda: stopped.is_set() or (callable(stop) and bool(stop()))


def _until(stop: Event, on_progress: object) -> Callable[..., None]:
    """Return a function that is told the progress, and tells it on until it is to stop."""

    def tell(*progress: object) -> None:
        if callable(on_progress):
            on_progress(*progress)
        if stop.is_set():
            raise _Stopped

    return tell
