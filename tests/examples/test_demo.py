from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_demo_runs_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    process = subprocess.run(
        [sys.executable, "examples/demo.py"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    lines = process.stdout.splitlines()
    assert process.stderr == ""
    assert "  2 sessions created, 27 events added" in lines
    assert any("line 12: is not JSON" in line for line in lines)
    assert "Session 'Keep the e-mail address after a failed login' in /code/app, completed:" in (
        lines
    )
    assert [line for line in lines if line.startswith("  count-words of ")] == [
        "  count-words of c4b2e9a0-6d1f-4b7e-8f3a-2a90d5e7b611: "
        "completed, {'user': 27, 'assistant': 7}",
        "  count-words of 7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10: "
        "completed, {'user': 47, 'assistant': 19}",
    ]
    assert "  turns: 2, tokens: 9154" in lines
    assert any(line.endswith("a wrong password. Please fix it.") for line in lines)
    assert "  claude-sonnet-4-5: 8614" in lines
    assert list(temporary.iterdir()) == []
