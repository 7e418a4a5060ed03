"""A machine that has nothing on it but Claude Code, one project and memva."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import claude_agent_sdk

CLAUDE = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"

_SECONDS = 90
"""After so long a process hangs; each takes about one."""


class Machine:
    """Runs the real `claude` in processes that inherit nothing."""

    def __init__(self, folder: Path, api: str) -> None:
        self.project = folder / "project"
        self.database = folder / "memva.db"
        self._home = folder / "home"
        self._api = api
        for made in (self.project, self._temporary):
            made.mkdir(parents=True)

    @property
    def configuration(self) -> Path:
        """The folder that Claude Code calls its own."""
        return self._home / ".claude"

    @property
    def projects(self) -> Path:
        """Where Claude Code keeps its transcripts."""
        return self.configuration / "projects"

    @property
    def _temporary(self) -> Path:
        return self._home / "tmp"

    def claude(self, prompt: str, *options: str) -> list[dict[str, Any]]:
        """Have Claude Code answer a prompt, and return what it streams."""
        written = self._run(
            CLAUDE, "-p", "--output-format", "stream-json", "--verbose", *options, prompt
        )
        return [json.loads(line) for line in written.splitlines()]

    def _run(self, *command: str | Path) -> bytes:
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout[-2_000:], done.stderr)
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self._home),
            "TMPDIR": str(self._temporary),
            "CLAUDE_CONFIG_DIR": str(self.configuration),
            "ANTHROPIC_BASE_URL": self._api,
            "ANTHROPIC_API_KEY": "dummy",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
        }
