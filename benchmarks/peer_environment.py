"""The environment that memva's peers run in: their own, as memva does not need them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
import zlib
from pathlib import Path
from typing import Final

from benchmarks.place import CACHE

_LOCK: Final = Path(__file__).with_name("peers.lock")


def peer_python() -> Path:
    """Return the Python of an environment with the peers in the versions of `peers.lock`.

    It is made when it is first needed, and kept.
    """
    wanted = f"{sys.version} {_LOCK.read_text()}"
    folder = CACHE / "peers" / f"{zlib.crc32(wanted.encode()):08x}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
            _make(Path(partial) / "made").rename(folder)
    return _python(folder)


def peer_versions() -> dict[str, str]:
    """Return the version of each peer."""
    pins = (line.split("==") for line in _LOCK.read_text().split())
    return dict(pins)


def _make(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--requirement", str(_LOCK))
    command = [str(_python(folder)), "-m", "pip", "install", *options]
    installed = subprocess.run(command, capture_output=True, text=True)
    if installed.returncode:
        raise RuntimeError(f"the peers cannot be installed:\n{installed.stderr}")
    return folder


def _python(folder: Path) -> Path:
    return folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
