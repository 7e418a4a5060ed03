"""The schema of the file, as numbered steps; a file knows how many it has taken.

Steps go forward only and are never edited once released: a file may have taken them already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.counting import count_stored
from memva.adapters.sqlite.identity import APPLICATION_ID, check_application, check_version

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE sessions (
            id             TEXT PRIMARY KEY NOT NULL,
            title          TEXT,
            created_at     TEXT NOT NULL,
            updated_at     TEXT NOT NULL,
            status         TEXT NOT NULL,
            project_path   TEXT NOT NULL,
            metadata       TEXT,
            claude_status  TEXT NOT NULL,
            archived_at    TEXT
        )
        """,
        "CREATE INDEX sessions_by_update ON sessions (updated_at, id)",
        # AUTOINCREMENT: a position is never given twice, not even after a deletion.
        """
        CREATE TABLE events (
            position          INTEGER PRIMARY KEY AUTOINCREMENT,
            uuid              TEXT NOT NULL,
            session_id        TEXT NOT NULL,
            event_type        TEXT NOT NULL,
            timestamp         TEXT NOT NULL,
            is_sidechain      INTEGER NOT NULL,
            parent_uuid       TEXT,
            cwd               TEXT NOT NULL,
            project_name      TEXT NOT NULL,
            data              TEXT NOT NULL,
            memva_session_id  TEXT REFERENCES sessions (id) ON DELETE CASCADE,
            project_key       TEXT NOT NULL,
            subpath           TEXT NOT NULL,
            line              INTEGER NOT NULL,
            sort_at           TEXT NOT NULL
        )
        """,
        # Every index begins with a session: one on random uuids alone would spread each append
        # over the whole file.
        "CREATE UNIQUE INDEX events_by_key ON events (session_id, uuid, project_key, subpath)",
        # Where a transcript ends, and what follows a line in it.
        """
        CREATE INDEX events_by_line ON events (session_id, project_key, subpath, line, sort_at)
        """,
        # The whole order, so that no page sorts.
        """
        CREATE INDEX events_by_claude_session
            ON events (session_id, sort_at, project_key, subpath, line)
        """,
        """
        CREATE INDEX events_by_memva_session
            ON events (memva_session_id, sort_at, project_key, session_id, subpath, line)
            WHERE memva_session_id IS NOT NULL
        """,
        """
        CREATE TABLE jobs (
            position             INTEGER PRIMARY KEY,
            id                   TEXT NOT NULL UNIQUE,
            type                 TEXT NOT NULL,
            data                 TEXT NOT NULL,
            status               TEXT NOT NULL,
            priority             INTEGER NOT NULL,
            attempts             INTEGER NOT NULL,
            max_attempts         INTEGER NOT NULL,
            error                TEXT,
            result               TEXT NOT NULL,
            scheduled_at         TEXT NOT NULL,
            started_at           TEXT,
            completed_at         TEXT,
            created_at           TEXT NOT NULL,
            updated_at           TEXT NOT NULL,
            memva_session_id     TEXT REFERENCES sessions (id) ON DELETE CASCADE,
            lease_until          TEXT,
            claim_token          TEXT,
            worker_id            TEXT,
            concurrency_key      TEXT,
            unique_key           TEXT,
            timeout              INTEGER,  -- microseconds
            cancel_requested_at  TEXT
        )
        """,
        """
        CREATE INDEX jobs_pending ON jobs (priority DESC, scheduled_at, created_at)
            WHERE status = 'pending'
        """,
        """
        CREATE INDEX jobs_by_memva_session ON jobs (memva_session_id)
            WHERE memva_session_id IS NOT NULL
        """,
        """
        CREATE TABLE transcript_cursors (
            source            TEXT PRIMARY KEY NOT NULL,
            project_key       TEXT NOT NULL,
            session_id        TEXT NOT NULL,
            subpath           TEXT NOT NULL,
            memva_session_id  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            version           TEXT NOT NULL,
            "offset"          INTEGER NOT NULL,
            line              INTEGER NOT NULL,
            fingerprint       TEXT NOT NULL,
            carry_timestamp   TEXT,
            carry_cwd         TEXT NOT NULL,
            title             TEXT,
            title_origin      TEXT
        )
        """,
        "CREATE INDEX transcript_cursors_by_session ON transcript_cursors (memva_session_id)",
    ),
    (
        # The table anew, so that what changes with each claim stands before long texts.
        """
        CREATE TABLE new_jobs (
            position             INTEGER PRIMARY KEY,
            id                   TEXT NOT NULL UNIQUE,
            type                 TEXT NOT NULL,
            status               TEXT NOT NULL,
            stage                TEXT,  -- of one not ended: waiting, behind, ready or claimed
            priority             INTEGER NOT NULL,
            attempts             INTEGER NOT NULL,
            max_attempts         INTEGER NOT NULL,
            claims               INTEGER NOT NULL,
            scheduled_at         TEXT NOT NULL,
            started_at           TEXT,
            completed_at         TEXT,
            created_at           TEXT NOT NULL,
            updated_at           TEXT NOT NULL,
            lease_until          TEXT,
            claim_token          TEXT,
            worker_id            TEXT,
            memva_session_id     TEXT REFERENCES sessions (id) ON DELETE CASCADE,
            concurrency_key      TEXT,
            unique_key           TEXT,
            unique_scope         TEXT NOT NULL,
            timeout              INTEGER,  -- microseconds
            cancel_requested_at  TEXT,
            error                TEXT,
            checkpoint           TEXT NOT NULL,
            result               TEXT NOT NULL,
            data                 TEXT NOT NULL
        )
        """,
        # Nothing obeyed the keys so far, so that several jobs may have what only one may hold.
        """
        INSERT INTO new_jobs
        SELECT position, id, type, status,
            CASE status WHEN 'pending' THEN 'waiting' WHEN 'processing' THEN 'claimed' END,
            priority, attempts, max_attempts,
            CASE WHEN started_at IS NULL THEN 0 ELSE max(attempts, 1) END, scheduled_at,
            started_at, completed_at, created_at, updated_at, lease_until, claim_token, worker_id,
            memva_session_id, NULL, NULL, 'until_finished', timeout, cancel_requested_at, error,
            'null', result, data
        FROM jobs ORDER BY position
        """,
        "DROP TABLE jobs",
        "ALTER TABLE new_jobs RENAME TO jobs",
        # One seek for each type finds what comes next of it. A claim moves the entry to its
        # neighbour, mostly on the same page. That the stage stands in the indexes too lets SQLite
        # answer from them alone.
        """
        CREATE INDEX jobs_at_hand ON jobs (stage, type, priority DESC, scheduled_at, created_at)
            WHERE stage IN ('claimed', 'ready')
        """,
        "CREATE INDEX jobs_waiting ON jobs (stage, scheduled_at, type) WHERE stage = 'waiting'",
        """
        CREATE INDEX jobs_pending_by_key
            ON jobs (concurrency_key, stage, type, priority DESC, scheduled_at, created_at)
            WHERE concurrency_key IS NOT NULL AND stage IN ('behind', 'ready')
        """,
        # The hold of a key is the active job's own row; a second one is refused.
        """
        CREATE UNIQUE INDEX jobs_holding ON jobs (concurrency_key)
            WHERE concurrency_key IS NOT NULL AND started_at IS NOT NULL AND completed_at IS NULL
        """,
        """
        CREATE UNIQUE INDEX jobs_unique ON jobs (type, unique_key)
            WHERE unique_key IS NOT NULL AND completed_at IS NULL
                AND (unique_scope = 'until_finished' OR started_at IS NULL)
        """,
        """
        CREATE INDEX jobs_ended ON jobs (status, type, completed_at) WHERE completed_at IS NOT NULL
        """,
        """
        CREATE INDEX jobs_by_key ON jobs (concurrency_key) WHERE concurrency_key IS NOT NULL
        """,
        """
        CREATE INDEX jobs_by_memva_session ON jobs (memva_session_id)
            WHERE memva_session_id IS NOT NULL
        """,
        """
        CREATE TABLE job_attempts (
            position    INTEGER NOT NULL REFERENCES jobs (position) ON DELETE CASCADE,
            number      INTEGER NOT NULL,
            worker_id   TEXT,
            started_at  TEXT NOT NULL,
            ended_at    TEXT,
            outcome     TEXT,
            error       TEXT,
            checkpoint  TEXT NOT NULL,
            PRIMARY KEY (position, number)
        ) WITHOUT ROWID
        """,
    ),
    (
        # What a list passes over is told from the index alone: metadata may be long, and stands
        # before the moment that a session was put away.
        "DROP INDEX sessions_by_update",
        """
        CREATE INDEX sessions_by_update ON sessions (updated_at, id, archived_at, project_path)
        """,
        """
        CREATE INDEX sessions_by_creation ON sessions (created_at, id, archived_at, project_path)
        """,
        # Claude Code's own sessions, which imports leave out.
        """
        CREATE TABLE deleted_sessions (
            session_id  TEXT PRIMARY KEY NOT NULL,
            deleted_at  TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        "ALTER TABLE sessions ADD COLUMN title_origin TEXT NOT NULL DEFAULT 'host'",
        # Whose title it was could be told by the one that the import gave last.
        """
        UPDATE sessions SET title_origin = coalesce(
            (
                SELECT title_origin FROM transcript_cursors
                WHERE memva_session_id = sessions.id AND title = sessions.title
            ),
            'host'
        )
        """,
    ),
    (
        "ALTER TABLE events ADD COLUMN said TEXT",
        # With what is counted in it, so that counting reads no event.
        "DROP INDEX events_by_memva_session",
        """
        CREATE INDEX events_by_memva_session ON events (
            memva_session_id, sort_at, project_key, session_id, subpath, line, position,
            event_type, timestamp
        ) WHERE memva_session_id IS NOT NULL
        """,
        """
        CREATE INDEX events_said ON events (
            memva_session_id, sort_at, project_key, session_id, subpath, line, position, said, uuid
        ) WHERE said IS NOT NULL AND memva_session_id IS NOT NULL
        """,
        # A session's rows stand together; events of no session have an empty one. What a response
        # used is NULL where its lines do not say.
        """
        CREATE TABLE responses (
            memva_session_id       TEXT NOT NULL,
            session_id             TEXT NOT NULL,
            response_id            TEXT NOT NULL,
            project_key            TEXT NOT NULL,
            subpath                TEXT NOT NULL,
            model                  TEXT NOT NULL,
            timestamp              TEXT,
            line                   INTEGER,
            project_name           TEXT,
            is_sidechain           INTEGER,
            is_final               INTEGER,
            input_tokens           INTEGER,
            output_tokens          INTEGER,
            cache_creation_tokens  INTEGER,
            cache_read_tokens      INTEGER,
            calls                  TEXT,
            positions              TEXT NOT NULL,  -- of the events that tell of it
            PRIMARY KEY (memva_session_id, session_id, response_id, project_key, subpath)
        ) WITHOUT ROWID
        """,
        # A row goes with every change to its session's events: what is there is true.
        """
        CREATE TABLE session_counts (
            memva_session_id  TEXT PRIMARY KEY NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            token             INTEGER NOT NULL,
            stats             TEXT
        ) WITHOUT ROWID
        """,
    ),
    (
        # What is kept of a transcript beside its lines; a row may outlive them.
        """
        CREATE TABLE transcripts (
            project_key    TEXT NOT NULL,
            session_id     TEXT NOT NULL,
            subpath        TEXT NOT NULL,
            written_at     TEXT NOT NULL,  -- empty where the lines alone tell
            last_appended  TEXT,
            summary        TEXT,
            summary_line   INTEGER,
            PRIMARY KEY (project_key, session_id, subpath)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX transcripts_by_session ON transcripts (session_id)",
        """
        INSERT INTO transcripts (project_key, session_id, subpath, written_at)
        SELECT DISTINCT project_key, session_id, subpath, '' FROM events WHERE line > 0
        """,
        "ALTER TABLE transcript_cursors ADD COLUMN skipped TEXT",
        """
        CREATE INDEX transcript_cursors_skipped ON transcript_cursors (source)
            WHERE skipped IS NOT NULL
        """,
    ),
)

FILLERS: Final[Mapping[int, Callable[[Connection], None]]] = {3: count_stored}
"""What fills that which a step made, in the same transaction, by the step's index."""


def migrate(connection: Connection, path: Path) -> None:
    """Take the steps that the file has not taken yet, each in one transaction.

    Raises:
        StoreIncompatible: It is another application's, or a newer memva has been at it meanwhile.
    """
    # In this order: a file that has pages has had its first step taken.
    [(pages,)] = connection.rows("PRAGMA page_count")
    [(application,)] = connection.rows("PRAGMA application_id")
    check_application(path, pages, application)
    while _version(connection) != len(MIGRATIONS):
        connection.rows("BEGIN IMMEDIATE")
        try:
            # Another process may have taken the step while this one waited for the lock.
            version = _version(connection)
            check_version(path, version, newest=len(MIGRATIONS))
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    connection.run(statement)
                if version in FILLERS:
                    FILLERS[version](connection)
                connection.rows(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.rows(f"PRAGMA user_version = {version + 1}")
            connection.rows("COMMIT")
        except BaseException:
            connection.roll_back()
            raise


def _version(connection: Connection) -> int:
    version: int = connection.rows("PRAGMA user_version")[0][0]
    return version
