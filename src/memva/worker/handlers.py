"""Handlers: how a job's JSON becomes what a handler takes, and its return the job's result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias, cast, get_type_hints

import attrs
from cattrs import BaseValidationError, Converter, transform_error
from cattrs.preconf.json import make_converter

from memva.domain.errors import InvalidValue
from memva.domain.json import JsonValue, encode_json
from memva.domain.validation import moment
from memva.worker.context import JobContext

Handler: TypeAlias = Callable[[Any, JobContext], Any]
"""Takes a job's data and its context; returns the result. It may be a coroutine function."""


class Snooze(Exception):
    """Raised by a handler to have its job put off: until a moment, or for a while.

    The attempt is not charged.
    """

    def __init__(self, until: datetime | timedelta) -> None:
        """Ask for it.

        Raises:
            InvalidValue: `until` is neither a timedelta nor a datetime that knows its time zone.
        """
        super().__init__(until)
        self.until = until if isinstance(until, timedelta) else moment("until", until)


class PermanentFailure(Exception):
    """Raised by a handler to fail its job for good, however many attempts are left."""


@attrs.frozen
class PreparedHandler:
    """A handler whose first parameter's type is known.

    Attributes:
        call: The host's function.
        is_async: Whether it is a coroutine function.
        takes: The type of its first parameter; `Any` takes the JSON as it is.
        converter: Makes that of JSON, and JSON of what it returns.
    """

    call: Handler
    is_async: bool
    takes: Any
    converter: Converter

    def argument(self, data: JsonValue) -> Any:
        """Return a job's data as the handler takes it.

        Raises:
            PermanentFailure: The data does not fit.
        """
        if self.takes is Any:
            return data
        try:
            return self.converter.structure(data, self.takes)
        except (BaseValidationError, ValueError, TypeError, KeyError) as error:
            name = getattr(self.takes, "__name__", str(self.takes))
            reasons = "; ".join(transform_error(error, path="data"))
            raise PermanentFailure(f"the data does not fit {name}: {reasons}") from error

    def result(self, returned: Any) -> JsonValue:
        """Return what the handler returned as JSON.

        Raises:
            PermanentFailure: It has no form as JSON.
        """
        if inspect.isawaitable(returned):
            if inspect.iscoroutine(returned):
                returned.close()
            raise PermanentFailure("the handler returned an awaitable: define it by `async def`")
        try:
            result = cast("JsonValue", self.converter.unstructure(returned))
            encode_json(result, field="result")
        except Exception as error:
            # Whatever a host's own converter raises must not end the worker.
            raise PermanentFailure(f"what the handler returned is no JSON: {error}") from error
        return result


def prepared(
    handlers: Mapping[str, Handler], converter: Converter | None
) -> dict[str, PreparedHandler]:
    """Return the handlers by the type of job that each runs.

    Raises:
        InvalidValue: There is none, one cannot be called with data and a context, or the type of
            its first parameter cannot be found.
    """
    if not handlers:
        raise InvalidValue("handlers", handlers, "must have a handler for at least one type")
    converter = strict_converter() if converter is None else converter
    return {type_: _prepared(type_, call, converter) for type_, call in handlers.items()}


def _prepared(type_: str, call: Handler, converter: Converter) -> PreparedHandler:
    name = f"handlers[{type_!r}]"
    if not callable(call):
        raise InvalidValue(name, call, "must be a function of data and context")
    try:
        signature = inspect.signature(call)
        signature.bind(None, None)
    except (TypeError, ValueError) as error:
        raise InvalidValue(name, call, "must be a function of data and context") from error
    first = next(iter(signature.parameters.values()))
    annotated: Any = call
    while isinstance(annotated, partial):
        annotated = annotated.func
    if not inspect.isroutine(annotated):
        # The annotations of an object that is called stand on its method.
        annotated = type(annotated).__call__
    try:
        takes = get_type_hints(annotated).get(first.name, Any)
    except (NameError, TypeError) as error:
        raise InvalidValue(
            name, call, f"has an annotation that cannot be found: {error}"
        ) from error
    is_async = inspect.iscoroutinefunction(annotated)
    return PreparedHandler(call, is_async, Any if takes is object else takes, converter)


def strict_converter() -> Converter:
    """Return a converter that takes JSON for what it is: the number 1 is no text, nor is null."""
    converter = make_converter()
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _only)
    return converter


_FITS: Final[dict[type, tuple[type, ...]]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
}


def _only(value: Any, kind: type[Any]) -> Any:
    if not isinstance(value, _FITS[kind]) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"expected {kind.__name__}, not {type(value).__name__}")
    return kind(value)
