"""What a subagent is: the file `agent-….meta.json` beside its transcript."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from memva.domain.json import encode_json, parse_object
from memva.domain.line import AGENT_METADATA
from memva.domain.transcript_ports import SourceLine

SUBAGENT: Final = "agent-"
"""What the names of subagents' transcripts begin with."""

TRANSCRIPT_SUFFIX: Final = ".jsonl"
METADATA_SUFFIX: Final = ".meta.json"


def is_metadata(path: Path) -> bool:
    """Tell whether a file is no transcript, but says what a subagent is."""
    return path.name.endswith(METADATA_SUFFIX)


def transcript_beside(metadata: Path) -> Path:
    """Return the transcript of the subagent that a file speaks of."""
    return metadata.with_name(metadata.name.removesuffix(METADATA_SUFFIX) + TRANSCRIPT_SUFFIX)


def metadata_beside(folder: str, transcript: str) -> list[str]:
    """Return the name of the file that says what a subagent is, where there is one."""
    name = transcript.removesuffix(TRANSCRIPT_SUFFIX) + METADATA_SUFFIX
    is_there = transcript.startswith(SUBAGENT) and Path(folder, name).is_file()
    return [name] if is_there else []


def metadata_line(content: bytes) -> SourceLine:
    """Return what a subagent is as the line that a session store of the Agent SDK's is given."""
    try:
        data = parse_object(content)
    except ValueError:
        data = None
    line = content
    if data is not None:
        line = encode_json({**data, "type": AGENT_METADATA}, field="data").encode()
    return SourceLine(1, len(content), line, complete=True)
