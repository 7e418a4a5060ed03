"""A machine that has nothing on it but Claude Code, one project and memva."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import claude_agent_sdk

import memva
from memva.domain.json import JsonObject

CLAUDE = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
HOST = Path(__file__).with_name("host.py")

Message = dict[str, Any]
"""An object of `stream-json`."""

_SECONDS = 90
"""After so long a process hangs; each takes about one."""


class Machine:
    """Runs the real `claude`, hosts of it and memva in processes that inherit nothing."""

    def __init__(self, folder: Path, api: str, *, project: Path | None = None) -> None:
        self.project = project or folder / "project"
        self.database = folder / "memva.db"
        self._home = folder / "home"
        self._api = api
        for made in (self.project, self._temporary):
            made.mkdir(parents=True, exist_ok=True)

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

    def conversations(self) -> dict[str, list[Any]]:
        """Return what stands in the files of all conversations, line by line, by their names."""
        return {
            str(file.relative_to(self.projects)): [
                json.loads(line) for line in file.read_bytes().splitlines()
            ]
            for file in sorted(self.projects.rglob("*.json*"))
        }

    def claude(self, prompt: str, *options: str) -> list[Message]:
        """Have Claude Code answer a prompt, and return what it streams."""
        return self._claude(*options, prompt)

    def converse(self, prompts: Iterable[JsonObject], *options: str) -> list[Message]:
        """Have Claude Code answer prompts of `stream-json`, and return what it streams."""
        lines = "".join(f"{json.dumps(prompt)}\n" for prompt in prompts)
        return self._claude("--input-format", "stream-json", *options, said=lines.encode())

    def host(self, prompt: str, **options: Any) -> str:
        """Have a host say a prompt through the Agent SDK, and return the Claude session's id.

        The options are those of `say` in `host.py`.
        """
        return self._host("say", prompt=prompt, **options).decode()

    def connection(self, *prompts: str) -> None:
        """Have a host say prompts in one connection, and import what is written meanwhile."""
        self._host("converse", prompts=prompts, projects=str(self.projects))

    def memva(self, *arguments: str | Path) -> None:
        """Run memva's command on the machine's database."""
        command = (sys.executable, "-W", "error", "-m", "memva.cli", "--db", self.database)
        self._run(*command, *arguments)

    def forget(self) -> None:
        """Remove everything that Claude Code has ever written on this machine."""
        shutil.rmtree(self._home)
        self._temporary.mkdir(parents=True)

    def _host(self, what: str, **arguments: Any) -> bytes:
        told = json.dumps({"database": str(self.database), **arguments})
        return self._run(sys.executable, "-W", "error", HOST, what, told)

    def _claude(self, *options: str, said: bytes = b"") -> list[Message]:
        streamed = ("-p", "--output-format", "stream-json", "--verbose")
        written = self._run(CLAUDE, *streamed, *options, said=said)
        return [json.loads(line) for line in written.splitlines()]

    def _run(self, *command: str | Path, said: bytes = b"") -> bytes:
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self._environment(),
            input=said,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            written = done.stdout[-2_000:] + done.stderr
            raise RuntimeError(f"{command} failed: {written.decode(errors='replace')}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "PYTHONPATH": str(Path(memva.__file__).parents[1]),
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
