"""What stands in a `projects` folder, read without memva: what an export must be equal to."""

import json
from pathlib import Path
from typing import Any

METADATA = ".meta.json"


def exactly(value: object) -> str:
    """Return a text that only equal JSON shares: to Python 1, 1.0 and True are equal."""
    return json.dumps(value, sort_keys=True, default=str)


def read_tree(projects: Path, *, moved: bool = False) -> dict[str, list[str]]:
    """Return the lines of each transcript that has any, and what each subagent is, by path.

    They come without torn lines, and without the poorer of those that share a uuid; with `moved`
    the one that is left stands where the first one did.
    """
    tree = {
        path: [exactly(line) for line in _without_repeats(lines, moved=moved)]
        for path, lines in transcripts_in(projects).items()
    }
    for path in projects.rglob(f"*{METADATA}"):
        tree[str(path.relative_to(projects))] = [exactly(json.loads(path.read_bytes()))]
    return tree


def transcripts_in(projects: Path) -> dict[str, list[Any]]:
    """Return all lines that can be read of each transcript that has any, by path."""
    found = {}
    for path in sorted(projects.rglob("*.jsonl")):
        lines = _lines(path.read_bytes())
        if lines:
            found[_new_path(path, projects, lines)] = lines
    return found


def _lines(content: bytes) -> list[Any]:
    lines: list[Any] = []
    for text in content.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        try:
            line = json.loads(text.decode(), parse_constant=_refuse)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _without_repeats(lines: list[Any], *, moved: bool) -> list[Any]:
    first: dict[Any, int] = {}
    best: dict[Any, int] = {}
    for number, line in enumerate(lines):
        uuid = line.get("uuid")
        if not isinstance(uuid, str) or not uuid.strip():
            uuid = number
        first.setdefault(uuid, number)
        if uuid not in best or _fullness(line) > _fullness(lines[best[uuid]]):
            best[uuid] = number
    places = first if moved else best
    return [lines[best[uuid]] for uuid in sorted(best, key=places.__getitem__)]


def _fullness(line: Any) -> tuple[bool, int]:
    message = line.get("message")
    is_provisional = (
        line.get("type") == "assistant"
        and isinstance(message, dict)
        and message.get("stop_reason") is None
    )
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    return not is_provisional, len(text)


def _new_path(path: Path, projects: Path, lines: list[Any]) -> str:
    """Return where newer versions keep what 2.0.60 wrote beside the main conversations."""
    if path.name.startswith("agent-") and path.parent.parent == projects:
        session_id = next(line["sessionId"] for line in lines if "sessionId" in line)
        path = path.parent / session_id / "subagents" / path.name
    return str(path.relative_to(projects))
