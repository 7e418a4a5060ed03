"""The `memva` command: bring in Claude Code's history, read it, look after jobs, back it up."""

import sys

_NEEDED = frozenset({"click", "platformdirs", "rich"})


def main() -> None:
    """Run the command with the arguments of this process, and exit with its status."""
    try:
        from memva.cli.app import app

        app(prog_name="memva")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _NEEDED:
            raise
        sys.exit('memva: error: the command needs more packages: pip install "memva[cli]"')
    except KeyboardInterrupt:
        # It came before the command was at work.
        sys.exit(130)
