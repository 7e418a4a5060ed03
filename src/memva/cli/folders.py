"""Folders as people type them, and as sessions name theirs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


def of_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--project`, a folder that sessions are narrowed to, or None."""
    return click.option(
        "--project",
        "project_path",
        callback=_folder_typed,
        metavar="FOLDER",
        help="Those of this folder alone.",
    )(command)


def _folder_typed(_: click.Context, __: click.Parameter, typed: str | None) -> str | None:
    """Return the folder as Claude Code says it: absolute, and without a slash at its end.

    One that is not on this machine is taken as it was typed, but for that slash.
    """
    if not typed:
        return typed
    folder = Path(typed)
    return os.path.normpath(folder.absolute()) if folder.is_dir() else typed.rstrip("/") or typed
