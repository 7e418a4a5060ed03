"""A projects folder to import from, and what its import came to."""

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from memva import Event, Session, Store, get_events_for_session, list_sessions
from memva.domain import EventQuery

CLAUDE = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10"


class History:
    """A `projects` folder that a test writes, as Claude Code would."""

    def __init__(self, root: Path) -> None:
        self.root = root / "projects"
        self.main = self.root / "-code-app" / f"{CLAUDE}.jsonl"
        self.main.parent.mkdir(parents=True)

    def line(self, number: int, **fields: Any) -> dict[str, Any]:
        """Return a prompt; fields given as None are left out."""
        line = {
            "type": "user",
            "uuid": f"uuid-{number}",
            "sessionId": CLAUDE,
            "cwd": "/code/app",
            "timestamp": f"2026-03-02T09:{number // 60:02}:{number % 60:02}.000Z",
            "message": {"role": "user", "content": f"prompt {number}"},
            **fields,
        }
        return {key: value for key, value in line.items() if value is not None}

    def write(self, *lines: object, path: Path | None = None, mode: str = "w") -> Path:
        """Write lines: objects as JSON with an end, bytes and text as they are."""
        path = path or self.main
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(f"{mode}b") as file:
            for line in lines:
                match line:
                    case bytes():
                        file.write(line)
                    case str():
                        file.write(line.encode())
                    case _:
                        file.write(json.dumps(line).encode() + b"\n")
        return path

    def append(self, *lines: object, path: Path | None = None) -> Path:
        """Append lines as `write` writes them."""
        return self.write(*lines, path=path, mode="a")


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "claude")


def content(store: Store) -> list[Any]:
    """Return everything that an import stores, but for positions."""
    sessions = [attrs.asdict(session) for session in list_sessions(store)]
    page = store.events.page(EventQuery(), limit=100_000)
    return [*sessions, *(attrs.asdict(attrs.evolve(event, position=0)) for event in page.events)]


def only_session(store: Store) -> Session:
    [session] = list_sessions(store)
    return session


def events(store: Store) -> list[Event]:
    return list(get_events_for_session(store, only_session(store).id))
