"""Histories to import: as Claude Code leaves them, one of huge lines, and one of many files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from benchmarks.place import Place
from benchmarks.workload import Conversation, as_text

_MOST_LINES: Final = 1_500
_WITHOUT_UUID: Final = 0.08
_HUGE_BYTES: Final = 10_000_000
_HUGE_TEXTS: Final = (
    "plain words, as a log has ",
    "words \N{EM DASH} and a \N{ROCKET} among them ",
)


def history(place: Place, lines: int) -> Path:
    """Return a `projects` folder of so many lines, some without a uuid, some of subagents."""
    return place.cached(f"history-{lines}", partial(_write_history, lines=lines)) / "projects"


def large_history(place: Place, lines: int) -> Path:
    """Return a `projects` folder with one transcript of so many lines of 10 MB."""
    name = f"large-history-{lines}"
    return place.cached(name, partial(_write_large_history, lines=lines)) / "projects"


def many_files(place: Place, count: int) -> Path:
    """Return a `projects` folder of so many short transcripts, of all of Claude Code's versions."""
    return place.cached(f"many-files-{count}", partial(_write_many, count=count)) / "projects"


def grow(transcript: Path, chance: random.Random) -> None:
    """Append a line to a transcript."""
    with transcript.open("a", encoding="utf-8") as file:
        file.write(f"{as_text(Conversation(chance).small_line())}\n")


def _write_history(folder: Path, *, lines: int) -> None:
    chance = random.Random(lines)
    left = lines
    while left:
        conversation = Conversation(chance)
        project = folder / "projects" / conversation.cwd.replace("/", "-")
        # Most conversations are short, some go on all day.
        count = min(left, round(chance.paretovariate(0.8) * 40), _MOST_LINES)
        left -= _write(project / f"{conversation.session_id}.jsonl", chance, conversation, count)
        for _ in range(chance.choice((0, 0, 0, 1, 3))):
            agent = f"agent-{chance.getrandbits(32):08x}"
            path = project / conversation.session_id / "subagents" / f"{agent}.jsonl"
            subagent = Conversation(chance, session_id=conversation.session_id, is_sidechain=True)
            left -= _write(path, chance, subagent, min(left, chance.randrange(10, 80)))


def _write(path: Path, chance: random.Random, conversation: Conversation, count: int) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text in islice(_lines(chance, conversation), count))
    return count


def _lines(chance: random.Random, conversation: Conversation) -> Iterator[str]:
    while True:
        yield as_text(conversation.line())
        if not conversation.is_sidechain and chance.random() < _WITHOUT_UUID:
            yield as_text(conversation.line_without_uuid())


def _write_large_history(folder: Path, *, lines: int) -> None:
    conversation = Conversation(random.Random(lines))
    path = folder / "projects" / "-code-app" / f"{conversation.session_id}.jsonl"
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            text = _HUGE_TEXTS[number % 2]
            line = conversation.line()
            repeats = _HUGE_BYTES // len(text.encode())
            line["toolUseResult"] = {"stdout": text * repeats, "stderr": ""}
            file.write(f"{as_text(line)}\n")


def _write_many(folder: Path, *, count: int) -> None:
    chance = random.Random(count)
    left = count
    for number in cycle(range(3)):
        conversation = Conversation(chance)
        project = folder / "projects" / conversation.cwd.replace("/", "-")
        main = project / f"{conversation.session_id}.jsonl"
        # Subagents' lines stood in the main file at first, then in files beside it, and now they
        # stand in files of a folder.
        below = (None, project, main.with_suffix("") / "subagents")[number]
        paths = [main]
        if below is not None:
            agents = [f"agent-{chance.getrandbits(32):08x}.jsonl" for _ in range(3)]
            paths += [below / agent for agent in agents[: chance.choice((0, 0, 0, 1, 3))]]
        for path in paths[:left]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{as_text(conversation.small_line())}\n", encoding="utf-8")
        left -= len(paths[:left])
        if not left:
            return
