"""Where the Agent SDK is missing, or has no session stores yet, memva says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

MISSING = "sys.modules['claude_agent_sdk'] = None"
TOO_OLD = "sys.modules['claude_agent_sdk'] = types.ModuleType('claude_agent_sdk')"
DAMAGED = "sys.modules['claude_agent_sdk.types'] = None"


def error_line(sdk: str) -> str:
    """Return how a process ends that imports `memva.claude_sdk` with such an SDK."""
    code = f"import sys, types; {sdk}; import memva.claude_sdk"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 1
    return process.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("sdk", "error"), [(MISSING, "ModuleNotFoundError"), (TOO_OLD, "ImportError")]
)
def test_it_says_what_to_install(sdk: str, error: str) -> None:
    assert error_line(sdk) == (
        f"{error}: memva.claude_sdk needs a Claude Agent SDK with session stores: "
        'pip install "memva[claude]"'
    )


def test_what_is_wrong_with_the_sdk_itself_is_said_as_it_is() -> None:
    assert "claude_agent_sdk.types" in error_line(DAMAGED)
