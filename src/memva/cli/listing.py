"""Commands that list something, and have subcommands too."""

from __future__ import annotations

import click
from click.core import ParameterSource


def refuse_options(ctx: click.Context) -> None:
    """End the command as misused where an option of the list stands before a subcommand.

    Raises:
        UsageError: There is such an option.
    """
    for parameter in ctx.command.params:
        if ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"{parameter.opts[0]} is for the list of {ctx.command.name}; "
                f'options of "{ctx.invoked_subcommand}" stand after it.'
            )
