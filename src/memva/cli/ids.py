"""Ids as people read and type them: as short as tells one from the others."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, takewhile
from typing import Final

from memva.cli.every_job import every_job
from memva.cli.failures import Failure
from memva.cli.output import one_line
from memva.domain.errors import JobNotFound, SessionNotFound
from memva.domain.job import Job
from memva.domain.ports import Store
from memva.domain.session import Session
from memva.services.jobs import get_job
from memva.services.sessions import get_session, list_sessions

_SHORTEST: Final = 8
_NAMED: Final = 3


def short_ids(ids: Iterable[str]) -> dict[str, str]:
    """Return for each id the shortest beginning, of 8 characters or more, that no other shares."""
    ordered = sorted(ids)
    lengths = dict.fromkeys(ordered, _SHORTEST)
    for before, after in pairwise(ordered):
        needed = _shared(before, after) + 1
        lengths[before] = max(lengths[before], needed)
        lengths[after] = max(lengths[after], needed)
    return {whole: whole[:length] for whole, length in lengths.items()}


def _shared(one: str, other: str) -> int:
    """Return how many characters two ids have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def session_by_prefix(store: Store, prefix: str) -> Session:
    """Return the session whose id is `prefix`, or else the only one whose id begins with it.

    Raises:
        Failure: There is none, or there are several.
    """
    try:
        return get_session(store, prefix)
    except SessionNotFound:
        sessions = list_sessions(store, archived=None)
    return get_session(store, _only_match(prefix, (session.id for session in sessions), "session"))


def job_by_prefix(store: Store, prefix: str) -> Job:
    """Return the job whose id is `prefix`, or else the only one whose id begins with it.

    Raises:
        Failure: There is none, or there are several.
    """
    try:
        return get_job(store, prefix)
    except JobNotFound:
        return get_job(store, _only_match(prefix, (job.id for job in every_job(store)), "job"))


def _only_match(prefix: str, ids: Iterable[str], noun: str) -> str:
    """Return the only one of `ids` that begins with `prefix`.

    Raises:
        Failure: There is none, or there are several.
    """
    matching = [whole for whole in ids if whole.startswith(prefix)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise Failure(f"no {noun}'s id begins with {prefix!r}")
    # Ids that begin otherwise share less with these than these do with each other.
    short = short_ids(matching)
    named = [one_line(short[whole]) for whole in matching[:_NAMED]]
    more = ", …" if len(matching) > _NAMED else ""
    raise Failure(f"{len(matching)} ids begin with {prefix!r}: {', '.join(named)}{more}")
