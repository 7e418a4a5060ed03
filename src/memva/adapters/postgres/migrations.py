"""The schema of the database, as numbered steps; a schema knows how many it has taken.

Steps go forward only and are never edited once released: a schema may have taken them already.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.errors import is_refusal
from memva.adapters.postgres.names import Names
from memva.adapters.postgres.search_index import VECTOR
from memva.domain.errors import StoreError, StoreIncompatible, StoreUnavailable

# All text sorts by code points, as everywhere in memva, whatever the database's own collation.
_TEXT: Final = 'text COLLATE "C"'

MIGRATIONS: Final[tuple[str, ...]] = (
    f"""
    CREATE TABLE sessions (
        id             {_TEXT} PRIMARY KEY,
        title          {_TEXT},
        created_at     timestamptz NOT NULL,
        updated_at     timestamptz NOT NULL,
        status         {_TEXT} NOT NULL,
        project_path   {_TEXT} NOT NULL,
        metadata       text,
        claude_status  {_TEXT} NOT NULL,
        archived_at    timestamptz,
        title_origin   {_TEXT} NOT NULL,
        folded_title   {_TEXT}
    );
    CREATE INDEX sessions_by_update ON sessions (updated_at, id);
    CREATE INDEX sessions_by_creation ON sessions (created_at, id);

    -- Claude Code's own sessions, which imports leave out.
    CREATE TABLE deleted_sessions (
        session_id  {_TEXT} PRIMARY KEY,
        deleted_at  timestamptz NOT NULL
    );

    CREATE SEQUENCE event_positions;
    -- That a session is there is held by a lock on its row: a foreign key would ask for each event.
    CREATE TABLE events (
        position          bigint PRIMARY KEY,
        uuid              {_TEXT} NOT NULL,
        session_id        {_TEXT} NOT NULL,
        event_type        {_TEXT} NOT NULL,
        timestamp         timestamptz NOT NULL,
        is_sidechain      boolean NOT NULL,
        parent_uuid       {_TEXT},
        cwd               {_TEXT} NOT NULL,
        project_name      {_TEXT} NOT NULL,
        memva_session_id  {_TEXT},
        project_key       {_TEXT} NOT NULL,
        subpath           {_TEXT} NOT NULL,
        line              bigint NOT NULL,
        sort_at           timestamptz NOT NULL,
        said              {_TEXT},
        data              text NOT NULL
    );
    -- The whole order, so that no page sorts.
    CREATE INDEX events_by_claude_session
        ON events (session_id, sort_at, project_key, subpath, line, position);
    -- With what is counted in it, so that counting reads no event.
    CREATE INDEX events_by_memva_session
        ON events (memva_session_id, sort_at, project_key, session_id, subpath, line, position)
        INCLUDE (event_type, timestamp)
        WHERE memva_session_id IS NOT NULL;
    CREATE INDEX events_said
        ON events (memva_session_id, sort_at, project_key, session_id, subpath, line, position)
        INCLUDE (said, uuid)
        WHERE said IS NOT NULL AND memva_session_id IS NOT NULL;
    -- Of a table of which nothing is known yet, the planner takes the later of two indexes that
    -- both would do: the more exact ones stand last.
    -- Where a transcript ends, and what follows a line in it.
    CREATE INDEX events_by_line ON events (session_id, project_key, subpath, line, sort_at);
    CREATE UNIQUE INDEX events_by_key ON events (session_id, uuid, project_key, subpath);

    CREATE TABLE jobs (
        position             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id                   {_TEXT} NOT NULL UNIQUE,
        type                 {_TEXT} NOT NULL,
        status               {_TEXT} NOT NULL,
        stage                {_TEXT},  -- of one not ended: waiting, behind, ready or claimed
        priority             bigint NOT NULL,
        attempts             bigint NOT NULL,
        max_attempts         bigint NOT NULL,
        claims               bigint NOT NULL,
        scheduled_at         timestamptz NOT NULL,
        started_at           timestamptz,
        completed_at         timestamptz,
        created_at           timestamptz NOT NULL,
        updated_at           timestamptz NOT NULL,
        lease_until          timestamptz,
        claim_token          {_TEXT},
        worker_id            {_TEXT},
        memva_session_id     {_TEXT} REFERENCES sessions (id) ON DELETE CASCADE,
        concurrency_key      {_TEXT},
        unique_key           {_TEXT},
        unique_scope         {_TEXT} NOT NULL,
        timeout              bigint,  -- microseconds
        cancel_requested_at  timestamptz,
        error                {_TEXT},
        checkpoint           text NOT NULL,
        result               text NOT NULL,
        data                 text NOT NULL
    );
    -- One seek for each type finds what comes next of it.
    CREATE INDEX jobs_ready ON jobs (type, priority DESC, scheduled_at, created_at, position)
        WHERE stage = 'ready';
    CREATE INDEX jobs_claimed ON jobs (lease_until, type) WHERE stage = 'claimed';
    CREATE INDEX jobs_waiting ON jobs (scheduled_at, type) WHERE stage = 'waiting';
    CREATE INDEX jobs_behind
        ON jobs (concurrency_key, type, priority DESC, scheduled_at, created_at, position)
        INCLUDE (started_at)
        WHERE stage = 'behind';
    CREATE INDEX jobs_ready_of_key ON jobs (concurrency_key)
        WHERE stage = 'ready' AND concurrency_key IS NOT NULL;
    -- The hold of a key is the active job's own row; a second one is refused.
    CREATE UNIQUE INDEX jobs_holding ON jobs (concurrency_key)
        WHERE concurrency_key IS NOT NULL AND started_at IS NOT NULL AND completed_at IS NULL;
    CREATE UNIQUE INDEX jobs_unique ON jobs (type, unique_key)
        WHERE unique_key IS NOT NULL AND completed_at IS NULL
            AND (unique_scope = 'until_finished' OR started_at IS NULL);
    CREATE INDEX jobs_ended ON jobs (status, completed_at, type) WHERE completed_at IS NOT NULL;
    CREATE INDEX jobs_by_key ON jobs (concurrency_key) WHERE concurrency_key IS NOT NULL;
    CREATE INDEX jobs_by_memva_session ON jobs (memva_session_id)
        WHERE memva_session_id IS NOT NULL;
    CREATE TABLE job_attempts (
        position    bigint NOT NULL REFERENCES jobs (position) ON DELETE CASCADE,
        number      bigint NOT NULL,
        worker_id   {_TEXT},
        started_at  timestamptz NOT NULL,
        ended_at    timestamptz,
        outcome     {_TEXT},
        error       {_TEXT},
        checkpoint  text NOT NULL,
        PRIMARY KEY (position, number)
    );

    CREATE TABLE transcript_cursors (
        source            {_TEXT} PRIMARY KEY,
        project_key       {_TEXT} NOT NULL,
        session_id        {_TEXT} NOT NULL,
        subpath           {_TEXT} NOT NULL,
        memva_session_id  {_TEXT} NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        version           {_TEXT} NOT NULL,
        "offset"          bigint NOT NULL,
        line              bigint NOT NULL,
        fingerprint       {_TEXT} NOT NULL,
        carry_timestamp   timestamptz,
        carry_cwd         {_TEXT} NOT NULL,
        title             {_TEXT},
        title_origin      {_TEXT},
        skipped           text
    );
    CREATE INDEX transcript_cursors_by_session ON transcript_cursors (memva_session_id);
    CREATE INDEX transcript_cursors_skipped ON transcript_cursors (source)
        WHERE skipped IS NOT NULL;
    CREATE INDEX transcript_cursors_by_transcript
        ON transcript_cursors (session_id, project_key, subpath);

    -- A session's rows stand together; events of no session have an empty one. What a response used
    -- is NULL where its lines do not say.
    CREATE TABLE responses (
        memva_session_id       {_TEXT} NOT NULL,
        session_id             {_TEXT} NOT NULL,
        response_id            {_TEXT} NOT NULL,
        project_key            {_TEXT} NOT NULL,
        subpath                {_TEXT} NOT NULL,
        model                  {_TEXT} NOT NULL,
        timestamp              timestamptz,
        line                   bigint,
        project_name           {_TEXT},
        is_sidechain           boolean,
        is_final               boolean,
        input_tokens           bigint,
        output_tokens          bigint,
        cache_creation_tokens  bigint,
        cache_read_tokens      bigint,
        calls                  text,
        positions              bigint[] NOT NULL,  -- of the events that tell of it
        PRIMARY KEY (memva_session_id, session_id, response_id, project_key, subpath)
    );
    -- A row goes with every change to its session's events: what is there is true.
    CREATE TABLE session_counts (
        memva_session_id  {_TEXT} PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
        token             bigint NOT NULL,
        stats             text
    );

    -- What is kept of a transcript beside its lines; a row may outlive them.
    CREATE TABLE transcripts (
        project_key    {_TEXT} NOT NULL,
        session_id     {_TEXT} NOT NULL,
        subpath        {_TEXT} NOT NULL,
        written_at     timestamptz,  -- NULL where the lines alone tell
        last_appended  {_TEXT},
        summary        text,
        summary_line   bigint,
        PRIMARY KEY (project_key, session_id, subpath)
    );
    CREATE INDEX transcripts_by_session ON transcripts (session_id);

    CREATE TABLE search_entries (
        position      bigint PRIMARY KEY REFERENCES events (position) ON DELETE CASCADE,
        milliseconds  bigint NOT NULL,
        words         {_TEXT} NOT NULL
    );
    CREATE INDEX search_entries_by_time ON search_entries (milliseconds, position);
    CREATE INDEX search_entries_by_word ON search_entries USING gin ({VECTOR});
    -- `indexed` is the position up to which no event is missing.
    CREATE TABLE search_state (
        is_only  boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only),
        version  {_TEXT} NOT NULL,
        indexed  bigint NOT NULL
    );
    """,
)

_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = %s"
_SCHEMA: Final = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
_WHO: Final = "SELECT current_user"
_MAKE_FOR: Final = "CREATE SCHEMA {schema} AUTHORIZATION {role}"
_LET_USE: Final = "GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
_VERSION_TABLE: Final = "memva_version"
_VERSION: Final = f"SELECT version FROM {_VERSION_TABLE}"
_BEGIN: Final = f"""
    CREATE TABLE {_VERSION_TABLE} (version bigint NOT NULL);
    INSERT INTO {_VERSION_TABLE} VALUES (0)
"""
_MOVE: Final = f"UPDATE {_VERSION_TABLE} SET version = %s"


def migrate(connection: Connection, names: Names) -> None:
    """Take the steps that the schema has not taken yet, all or none; make it where there is none.

    Raises:
        StoreIncompatible: The schema is another application's, or a newer memva's.
        StoreUnavailable: The role is not allowed to.
        StoreError: It cannot be done for another reason.
    """
    try:
        if not _is_up_to_date(connection, names):
            _take_steps(connection, names)
    except StoreError as error:
        if not is_refusal(error):
            raise
        [(role,)] = connection.rows(_WHO)
        make, let = (
            sql.SQL(statement)
            .format(schema=sql.Identifier(names.schema), role=sql.Identifier(role))
            .as_string(connection)
            for statement in (_MAKE_FOR, _LET_USE)
        )
        raise StoreUnavailable(
            f"the role {role!r} may not make or use the schema {names.schema!r}; somebody who may "
            f"has to run {make}, or where it is there {let}: {error}"
        ) from error.__cause__


def _take_steps(connection: Connection, names: Names) -> None:
    # Of several processes that begin at once one does it, and the others wait for it.
    connection.script(f"BEGIN; SET LOCAL lock_timeout = 0; {names.lock_migrations}")
    try:
        if not connection.rows(_SCHEMA, (names.schema,)):
            create = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(names.schema))
            connection.script(create.as_string(connection))
        if not _is_up_to_date(connection, names):
            if not connection.rows(_TABLES, (names.schema,)):
                connection.script(_BEGIN)
            [(version,)] = connection.rows(_VERSION)
            for statements in MIGRATIONS[version:]:
                connection.script(statements)
            connection.run(_MOVE, (len(MIGRATIONS),))
        connection.script("COMMIT")
    finally:
        connection.roll_back()


def _is_up_to_date(connection: Connection, names: Names) -> bool:
    tables = {name for (name,) in connection.rows(_TABLES, (names.schema,))}
    if not tables:
        return False
    if _VERSION_TABLE not in tables:
        raise StoreIncompatible(f"the schema {names.schema!r} is another application's")
    [(version,)] = connection.rows(_VERSION)
    if version > len(MIGRATIONS):
        raise StoreIncompatible(
            f"the schema {names.schema!r} is at {version}, written by a newer memva; "
            f"this one knows up to {len(MIGRATIONS)}"
        )
    return bool(version == len(MIGRATIONS))
