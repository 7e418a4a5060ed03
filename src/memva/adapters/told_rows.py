"""Rows of what is told of responses, both ways, for stores that keep them in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import attrs

from memva.adapters.stats_text import figures
from memva.domain.event import Transcript
from memva.domain.json import decode_json, encode_json
from memva.domain.rebuild import rebuilder
from memva.domain.told_response import Called, CallKey, ToldResponse
from memva.domain.usage import ResponseUsage, Usage

Row: TypeAlias = tuple[Any, ...]
ToldKey: TypeAlias = tuple[str, str, str, str, str]
"""What a response's row begins with: its primary key."""

USAGE_COLUMNS: Final = (
    "memva_session_id, session_id, response_id, project_key, subpath, model, timestamp, line, "
    "project_name, is_sidechain, is_final, input_tokens, output_tokens, cache_creation_tokens, "
    "cache_read_tokens"
)
TOLD_COLUMNS: Final = f"{USAGE_COLUMNS}, calls, positions"

_NO_USAGE: Final = (None,) * 9
_NO_CALLS: Final[Mapping[CallKey, Called]] = {}
_MODEL: Final = 5
_TIMESTAMP: Final = 6
_FIGURES: Final = 11

_told = rebuilder(ToldResponse)
_response_usage = rebuilder(ResponseUsage)
_usage = rebuilder(Usage)


def told_key(told: ToldResponse) -> ToldKey:
    """Return the key of a response's row."""
    project_key, session_id, subpath = told.transcript
    return (told.memva_session_id or "", session_id, told.response_id, project_key, subpath)


def model_from_row(row: Row) -> str:
    """Return the model of a row that begins with `USAGE_COLUMNS`; empty where none is known."""
    model: str = row[_MODEL]
    return model


def calls_from_row(row: Row) -> Mapping[CallKey, Called]:
    """Return the calls of a row of `TOLD_COLUMNS`."""
    if row[-2] is None:
        return _NO_CALLS
    calls: Any = decode_json(row[-2])
    return {tuple(key): Called(name, in_sidechain) for name, in_sidechain, *key in calls}


@attrs.frozen
class ToldRows:
    """Maps rows, as one store keeps moments and positions.

    Attributes:
        moment: Returns a moment as the store keeps it.
        moment_kept: Returns the moment that it keeps so.
        positions: Returns positions as the store keeps them.
        positions_kept: Returns the positions that it keeps so.
    """

    moment: Callable[[datetime], object]
    moment_kept: Callable[[Any], datetime]
    positions: Callable[[Sequence[int]], object]
    positions_kept: Callable[[Any], list[int]]

    def row(self, told: ToldResponse, positions: Sequence[int]) -> Row:
        """Return a response as a row of `TOLD_COLUMNS`; `positions` are those of its lines."""
        usage = told.usage
        return (
            *told_key(told),
            told.model,
            *(_NO_USAGE if usage is None else self._usage_values(usage)),
            _calls_text(told.calls) if told.calls else None,
            self.positions(positions),
        )

    def told(self, row: Row) -> ToldResponse:
        """Return the response of a row of `TOLD_COLUMNS`."""
        memva_session_id, session_id, response_id, project_key, subpath = row[:5]
        return _told(
            (
                response_id,
                Transcript(project_key, session_id, subpath),
                memva_session_id or None,
                model_from_row(row),
                self.usage(row),
                calls_from_row(row),
            )
        )

    def positions_of(self, row: Row) -> list[int]:
        """Return the positions of the lines of a row of `TOLD_COLUMNS`."""
        return self.positions_kept(row[-1])

    def usage(self, row: Row) -> ResponseUsage | None:
        """Return the usage of a row of `USAGE_COLUMNS` or more, or None where it is not said."""
        if row[_TIMESTAMP] is None:
            return None
        (
            memva_session_id,
            session_id,
            response_id,
            project_key,
            subpath,
            model,
            timestamp,
            line,
            project_name,
            is_sidechain,
            is_final,
            *_,
        ) = row
        return _response_usage(
            (
                response_id,
                project_key,
                session_id,
                subpath,
                memva_session_id or None,
                self.moment_kept(timestamp),
                line,
                model,
                project_name,
                is_sidechain == 1,
                is_final == 1,
                _usage(row[_FIGURES : _FIGURES + 4]),
            )
        )

    def usage_sharing_texts(self) -> Callable[[Row], ResponseUsage | None]:
        """Return `usage` for many rows: texts that several of them have are kept once."""
        same = dict[str, str]().setdefault

        def usage(row: Row) -> ResponseUsage | None:
            memva_id, id_, response_id, key, subpath, model, timestamp, line, name, *rest = row
            return self.usage(
                (
                    same(memva_id, memva_id),
                    same(id_, id_),
                    response_id,
                    same(key, key),
                    same(subpath, subpath),
                    same(model, model),
                    timestamp,
                    line,
                    same(name, name),
                    *rest,
                )
            )

        return usage

    def _usage_values(self, usage: ResponseUsage) -> Row:
        return (
            self.moment(usage.timestamp),
            usage.line,
            usage.project_name,
            usage.is_sidechain,
            usage.is_final,
            *figures(usage.usage),
        )


def _calls_text(calls: Mapping[CallKey, Called]) -> str:
    return encode_json(
        [[called.name, called.in_sidechain, *key] for key, called in calls.items()], field="calls"
    )
