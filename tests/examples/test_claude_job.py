from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


if hasattr(os, "killpg"):

    def test_a_prompt_survives_the_death_of_its_worker(tmp_path: Path) -> None:
        process = subprocess.run(
            [sys.executable, "-m", "examples.claude_job"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=60,
        )
        lines = process.stdout.splitlines()
        assert lines[1:3] == ["Attempt 1: lost", "Attempt 2: completed"]
        assert "'result': 'Reading the login page. Found it. Mending it. Done.'" in lines[3]
        events = re.fullmatch(r"(\d+) events, 1 Claude session", lines[4])
        assert events is not None
        # Four before the first worker was killed; a beginning and a result of the second. How much
        # was said in between that nobody heard is up to the machine.
        assert int(events[1]) >= 6
        assert list(tmp_path.iterdir()) == []
        left = [
            p for p in psutil.process_iter(["cmdline"]) if "stand_in.py" in str(p.info["cmdline"])
        ]
        assert left == []
