"""The statements of the PostgreSQL store use its indexes, whatever the statistics say."""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import pytest
from tests.postgres import Schemas

from memva.adapters.postgres import (
    PostgresStore,
    counting,
    counts,
    events,
    job_changes,
    jobs,
    queue,
    sequences,
    sessions,
)
from memva.adapters.postgres.narrowing import narrowing
from memva.domain import EventQuery, SessionCursor, SessionQuery, SessionSort

Explain: TypeAlias = Callable[[str], list[str]]

PLACE = SessionCursor("2026-01-02T03:04:05.678901Z", "session-1")
FILL: Final = (
    """
    INSERT INTO sessions
    SELECT 's' || n, 't', now(), now(), 'active', '/p', NULL, 'completed', NULL, 'host', 't'
    FROM generate_series(1, 2000) AS n
    """,
    """
    INSERT INTO events (
        position, uuid, session_id, event_type, timestamp, is_sidechain, cwd, project_name,
        memva_session_id, project_key, subpath, line, sort_at, said, data
    )
    SELECT n, 'u' || n, 's' || n % 200, 'user', now(), FALSE, '/', 'p', 's' || n % 200, 'k', '',
        n / 200 + 1, now() + n * interval '1 s', 'prompt', '{}'
    FROM generate_series(1, 10000) AS n
    """,
    """
    INSERT INTO jobs (
        id, type, status, stage, priority, attempts, max_attempts, claims, scheduled_at,
        created_at, updated_at, unique_scope, checkpoint, result, data, completed_at, started_at,
        concurrency_key
    )
    SELECT 'j' || n, 't' || n % 3, CASE WHEN ended THEN 'completed' ELSE 'pending' END, stage,
        n % 5, 0, 3, 0, now(), now(), now(), 'until_finished', 'null', 'null', '{}',
        CASE WHEN ended THEN now() END, CASE WHEN ended THEN now() END,
        CASE WHEN stage = 'behind' THEN 'key' || n % 50 END
    FROM generate_series(1, 10000) AS n, LATERAL (SELECT n % 4 = 0 AS ended) AS e,
        LATERAL (SELECT (ARRAY['ready', 'waiting', 'behind'])[n % 4] AS stage) AS s
    """,
    """
    INSERT INTO responses
    SELECT 's' || n % 200, 's' || n % 200, 'r' || n, 'k', '', 'm', now(), 1, 'p', FALSE, TRUE, 1,
        1, 1, 1, NULL, ARRAY[n]
    FROM generate_series(1, 5000) AS n
    """,
    "INSERT INTO session_counts SELECT 's' || n, n FROM generate_series(1, 200) AS n",
    "ANALYZE sessions, events, jobs, responses, session_counts",
)


@pytest.fixture(scope="module", params=["empty", "full"])
def explain(
    request: pytest.FixtureRequest, postgres_url: str, postgres_schemas: Schemas
) -> Iterator[Explain]:
    """Give what tells the plan by which a statement is run, in tables of which much is known."""
    with (
        postgres_schemas.own(fresh=True) as schema,
        PostgresStore.open(postgres_url, schema=schema) as store,
        store._transactions.apart() as connection,
    ):
        connection.script("BEGIN")
        for statement in FILL if request.param == "full" else ():
            connection.script(statement)

        def plan(sql: str) -> list[str]:
            prepared, count = numbered(sql)
            connection.script(f"PREPARE looked_at AS {prepared}")
            values = f"({', '.join(['NULL'] * count)})" if count else ""
            rows = connection.rows(f"EXPLAIN (COSTS OFF) EXECUTE looked_at{values}")
            connection.script("DEALLOCATE looked_at")
            return [step.strip().removeprefix("->").strip() for (step,) in rows]

        yield plan
        connection.script("ROLLBACK")


def numbered(sql: str) -> tuple[str, int]:
    """Return a statement as the server is given it, and how many parameters it has."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1] or f"the {len(numbers)}th"
        return f"${numbers.setdefault(name, len(numbers) + 1)}"

    return re.sub(r"%(?:\((\w+)\))?[sb]", number, sql).replace("%%", "%"), len(numbers)


def listing(
    sort: SessionSort = "updated_at",
    *,
    ascending: bool = False,
    after: SessionCursor | None = None,
    archived: bool | None = None,
) -> str:
    query = SessionQuery(archived=archived, project_path="/p")
    return sessions._finding(query, sort, ascending=ascending, after=after)[0]


def page(condition: str, *, back: bool = False) -> str:
    follows = events._FOLLOWS.format(beyond="<" if back else ">")
    order = sequences.BACKWARDS if back else sequences.ORDER
    return events._PAGE.format(narrowing=f"{condition} AND {follows}", order=order)


OURS = narrowing(EventQuery(memva_session_id="s", event_types=["user"], is_sidechain=True))[0]
THEIRS = narrowing(EventQuery(session_id="s"))[0]
OF_WANTED_RESPONSE = "(memva_session_id = $2) AND (session_id = $3) AND (response_id = "
OF_RESPONSE = "(memva_session_id = $1) AND (session_id = $2) AND (response_id = "


@pytest.mark.parametrize(
    ("sql", "index", "condition"),
    [
        (page(OURS), "events_by_memva_session", "(memva_session_id = $1) AND (ROW(sort_at, proj"),
        (page(OURS, back=True), "events_by_memva_session", "(memva_session_id = $1) AND (ROW("),
        (page(THEIRS), "events_by_claude_session", "(session_id = $1) AND (ROW(sort_at, project"),
        (page(THEIRS, back=True), "events_by_claude_session", "(session_id = $1) AND (ROW(sort_"),
        (events._SELECT, "events_by_key", "(session_id = $1) AND (uuid = $2) AND"),
        (events._PLACE, "events_by_key", "(session_id = $1) AND (uuid = $2) AND"),
        (events._VERSIONS, "events_by_key", "(session_id = $1) AND (uuid = $2)"),
        (events._MANY_VERSIONS, "events_by_key", "(session_id = $2) AND (uuid = wanted.of_uuid)"),
        (events._COMMITTED.format(narrowing=OURS), "events_pkey", '("position" > $1) AND ("posi'),
        (events._ASSOCIATED, "events_by_claude_session", "(session_id = $1)"),
        (events._COUNT_LINES, "events_by_key", "(session_id = $1) AND (uuid >= $"),
        (sequences._LAST_BEFORE, "events_by_line", "(session_id = $1) AND (project_key = $2) AND"),
        (sequences._LAST_STREAMED, "events_by_line", "(session_id = $1) AND (project_key = $2)"),
        (sequences._LAST_POSITION, "events_pkey", ""),
        (listing(), "sessions_by_update", ""),
        (listing(archived=True), "sessions_by_update", ""),
        (listing(after=PLACE), "sessions_by_update", "(ROW(updated_at, id) < ROW("),
        (listing(ascending=True, after=PLACE), "sessions_by_update", "(ROW(updated_at, id) > ROW"),
        (listing("created_at", after=PLACE), "sessions_by_creation", "(ROW(created_at, id) < ROW"),
        (counts._KEPT, "sessions_pkey", "(id = (wanted.id)::text)"),
        (counts._KEPT, "session_counts_pkey", "(memva_session_id = sessions.id)"),
        (counts._TYPES, "events_by_memva_session", "(memva_session_id = ANY ($1))"),
        (counts._TOLD, "responses_pkey", "(memva_session_id = ANY ($1))"),
        (counts._LATEST, "events_said", "(memva_session_id = "),
        (counts._KEEP, "session_counts_pkey", "(memva_session_id = $2)"),
        (counting._SELECT, "responses_pkey", f"{OF_RESPONSE}$3)"),
        (counting._SELECT_MANY, "responses_pkey", f"{OF_WANTED_RESPONSE}wanted.id)"),
        (counting._REMOVE, "responses_pkey", f"{OF_RESPONSE}$3)"),
        (counting._REMOVE_SESSION, "responses_pkey", "(memva_session_id = $1)"),
        (counting._TELLING, "events_pkey", '("position" = ANY ($1))'),
        (queue._FIRST_WAITING, "jobs_waiting", ""),
        (queue._DUE, "jobs_waiting", "(scheduled_at <= $1)"),
        (job_changes._changing(("status", "stage")), "jobs_id_key", "(id = $3)"),
        (
            job_changes._changing_several(("status",), ("id",)),
            "jobs_id_key",
            "(id = (change.id)::text)",
        ),
        (job_changes._SELECT_UNIQUE, "jobs_unique", "(type = $1) AND (unique_key = $2)"),
        (jobs._EXPIRED, "jobs_claimed", "(lease_until <= $1)"),
        (jobs._PRUNE, "jobs_ended", "(status = $1) AND (completed_at < $2)"),
    ],
)
def test_statement_uses_its_index(explain: Explain, sql: str, index: str, condition: str) -> None:
    steps = explain(sql)
    assert condition in conditions_by_index(steps).get(index, "(none)"), steps
    assert not any("Sort" in step or "Seq Scan" in step for step in steps), steps


def test_sessions_are_held_by_their_ids(explain: Explain) -> None:
    """They are sorted, few as they are, so that no two writers wait for each other."""
    found = conditions_by_index(explain(sessions._HOLD_THERE))
    assert found == {"sessions_pkey": "(id = (wanted.id)::text)"}


@pytest.mark.parametrize(
    ("condition", "asked"), [(OURS, "(memva_session_id = $3)"), (THEIRS, "(session_id = $3)")]
)
def test_far_back_a_sessions_positions_alone_are_sorted(
    explain: Explain, condition: str, asked: str
) -> None:
    found = conditions_by_index(explain(events._COMMITTED_FAR_BACK.format(narrowing=condition)))
    assert found.pop("events_pkey") == '("position" = ours.at)'
    assert list(found.values()) == [asked]


@pytest.mark.parametrize(
    "sql",
    [
        queue._CLAIM_WITHOUT_KEYS,
        queue._CHOOSE.format(types=queue._ALL_TYPES, settled=queue._NONE_HAS_BECOME_DUE),
        queue._CHOOSE.format(types=queue._THESE_TYPES, settled=queue._NONE_HAS_BECOME_DUE),
    ],
)
def test_claim_seeks_the_first_of_a_type_and_sorts_what_it_has_found(
    explain: Explain, sql: str
) -> None:
    steps = explain(sql)
    found = conditions_by_index(steps)
    assert re.match(r"\(\(type = .*\) AND \(scheduled_at <= \$\d\)\)", found["jobs_ready"])
    assert re.match(r"\(scheduled_at <= \$\d\)", found["jobs_waiting"])
    assert found.get("jobs_pkey", '("position" = ').startswith('("position" = ')
    assert not any("Seq Scan" in step for step in steps), steps
    # Only what it has found is sorted, never what it has to look at.
    assert not any(step.startswith("Sort Key: jobs.priority") for step in steps), steps


def test_claim_of_what_was_chosen_goes_by_positions(explain: Explain) -> None:
    found = conditions_by_index(explain(queue._CLAIM))
    assert found["jobs_pkey"].startswith('("position" = ')
    assert "jobs_ready" not in found


def conditions_by_index(steps: list[str]) -> dict[str, str]:
    """Return what each index is asked, the last time that it is used; nothing where all is."""
    asked: dict[str, str] = {}
    index = ""
    for step in steps:
        if used := re.match(r"Index (?:Only )?Scan (?:Backward )?using (\w+)", step):
            index = used[1]
            asked[index] = ""
        elif step.startswith("Index Cond: "):
            asked[index] = step.removeprefix("Index Cond: ")
    return asked
