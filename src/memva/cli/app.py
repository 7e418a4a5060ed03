"""The command's options, its subcommands, and what becomes of their errors."""

from __future__ import annotations

import sqlite3
import sys
from typing import Any, Final

import click

from memva.cli.backup import backup
from memva.cli.check import check
from memva.cli.copying import copy
from memva.cli.database import DATABASE, Database, default_database
from memva.cli.exporting import export
from memva.cli.failures import Failure, Interrupted
from memva.cli.importing import import_
from memva.cli.importing_db import import_db
from memva.cli.jobs import jobs
from memva.cli.output import closed_streams_discarded, discard_stdout
from memva.cli.search import search
from memva.cli.sessions import sessions
from memva.cli.show import show
from memva.cli.usage import usage
from memva.cli.work import work
from memva.domain.errors import MemvaError, StoreCorrupt, StoreError, StoreReadOnly

_READER_LEFT: Final = 141
"""The status that shells report of a command whose reader has gone (`memva sessions | head`)."""


_ADVICE: Final[dict[type[StoreError], str]] = {
    StoreCorrupt: '"memva check" says what to do',
    StoreReadOnly: "memva has to write to the file and its folder",
}


class _Commands(click.Group):
    """Turns errors into one line, and ends quietly where nobody reads on."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand.

        Raises:
            Failure: It failed in a way that memva knows.
            Interrupted: Ctrl-C was pressed.
        """
        ctx.with_resource(closed_streams_discarded())
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except StoreError as error:
            raise Failure(_with_file(error, ctx.obj)) from error
        except MemvaError as error:
            raise Failure(str(error)) from error
        except BrokenPipeError:
            discard_stdout()
            ctx.exit(_READER_LEFT)
        except OSError as error:
            discard_stdout()
            raise Failure(_reason(error)) from error
        except KeyboardInterrupt as error:
            raise Interrupted("Interrupted.") from error
        return result


def _with_file(error: StoreError, database: Database) -> str:
    """Return the error's text, with the file where it is SQLite's own text, which names none."""
    reason, own = str(error), isinstance(error.__cause__, sqlite3.Error)
    for kind, advice in _ADVICE.items():
        if isinstance(error, kind):
            reason = f"{reason}; {advice}"
    return f"{database}: {reason}" if own and str(database) not in reason else reason


def _reason(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


@click.group(
    "memva",
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.option(
    "--db",
    "database",
    type=DATABASE,
    envvar="MEMVA_DB",
    default=default_database,
    show_default="memva.db in your data folder",
    show_envvar=True,
    metavar="FILE|URL",
    help="The database to use: a file, or postgresql://…",
)
@click.option(
    "--schema",
    envvar="MEMVA_SCHEMA",
    default="memva",
    show_default=True,
    is_eager=True,
    metavar="NAME",
    help="The schema in a PostgreSQL database.",
)
@click.version_option(package_name="memva", message="%(prog)s %(version)s")
@click.pass_context
def app(ctx: click.Context, database: Database, schema: str) -> None:
    """Keep Claude Code's conversations and background jobs in one SQLite file, or in PostgreSQL.

    Begin with "memva import"; then "memva sessions" lists what is there and "memva show" prints a
    conversation. "memva jobs" lists the jobs.
    """
    ctx.obj = database


_COMMANDS: Final = (
    import_,
    import_db,
    sessions,
    show,
    search,
    usage,
    jobs,
    work,
    check,
    export,
    backup,
    copy,
)
for _command in _COMMANDS:
    app.add_command(_command)
