"""The option that keeps secrets out of what is imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from memva.domain.redaction import Redact
from memva.domain.secrets import redact_secrets


def may_redact(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--redact`: a function that takes secrets out, or None."""
    return click.option(
        "--redact",
        is_flag=True,
        callback=_redact,
        help="Store no keys, tokens and passwords that are known. What is stored already stays.",
    )(command)


def _redact(_: click.Context, __: click.Parameter, is_asked_for: bool) -> Redact | None:
    return redact_secrets if is_asked_for else None
