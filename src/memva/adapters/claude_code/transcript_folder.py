"""Transcripts put into a `projects` folder, where Claude Code finds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from memva.adapters.claude_code.metadata import METADATA_SUFFIX, TRANSCRIPT_SUFFIX
from memva.adapters.claude_code.new_file import NewFile
from memva.domain.errors import SinkUnwritable
from memva.domain.event import Event, Transcript
from memva.domain.json import JsonObject, canonical_json, encode_json, parse_object
from memva.domain.line import AGENT_METADATA
from memva.domain.text import clean_text, is_storable

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_LONGEST_NAME: Final = 255 - len(METADATA_SUFFIX)
"""How many bytes of a name most file systems leave."""


class TranscriptFolder:
    """A sink of transcripts in files.

    `memva.domain.transcript_ports.TranscriptSink` says what it does.

    Files are readable for their owner alone, as are the folders that are made for them. One appears
    when it is whole.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Put transcripts into the folder `path` if it is called `projects`, else into one inside.

        It need not be there yet. Claude Code takes what `CLAUDE_CONFIG_DIR` names for the folder
        around `projects`.
        """
        root = Path(path).absolute()
        self.projects = root if root.name == "projects" else root / "projects"

    def write(
        self, transcript: Transcript, lines: Iterator[Event], /, *, overwrite: bool = False
    ) -> bool:
        """Put a transcript there, whole or not at all; return False where it is there already."""
        path = self._path(transcript)
        metadata: JsonObject | None = None
        written_at = _LONG_AGO
        with NewFile(path, overwrite=overwrite) as file:
            for event in lines:
                if event.event_type == AGENT_METADATA and transcript.subpath:
                    metadata = event.data
                else:
                    # A copy has none of the text that it was read from, which may be several lines.
                    file.add(encode_json({**event.data}, field="data").encode())
                written_at = max(written_at, event.timestamp)
            file.end()
            if metadata is None:
                return file.publish(written_at)
            beside = path.with_name(path.stem + METADATA_SUFFIX)
            kept = {name: value for name, value in metadata.items() if name != "type"}
            old = _object_in(beside)
            if old is not None and _says_all_of(kept, old) and _says_all_of(old, kept):
                return file.publish(written_at)
            has_grown = old is not None and _says_all_of(kept, old)
            with NewFile(beside, overwrite=overwrite or has_grown) as other:
                other.add(encode_json(kept, field="data").encode(), end=b"")
                other.end()
                other.publish(written_at)
                file.publish(written_at)
            return True

    def _path(self, transcript: Transcript) -> Path:
        names = [transcript.project_key, transcript.session_id]
        if transcript.subpath:
            names += transcript.subpath.split("/")
        for name in names:
            reason = _refusal(name)
            if reason is not None:
                raise SinkUnwritable(clean_text("/".join(names)), reason)
        return self.projects.joinpath(*names[:-1], names[-1] + TRANSCRIPT_SUFFIX)


def _refusal(name: str) -> str | None:
    """Return why this cannot be the name of a file or folder here, or None."""
    if not name:
        return "has an empty name"
    if name in (".", "..") or not is_storable(name) or "/" in name or "\\" in name:
        return "has a name that leads elsewhere"
    if len(name.encode()) > _LONGEST_NAME:
        return "has a name that is too long"
    return None


def _object_in(path: Path) -> JsonObject | None:
    try:
        return parse_object(path.read_bytes())
    except (OSError, ValueError):
        return None


def _says_all_of(metadata: JsonObject, old: JsonObject) -> bool:
    """Tell whether all that `old` says of a subagent is in `metadata` too."""
    return all(
        name in metadata
        and canonical_json(metadata[name], field=name) == canonical_json(value, field=name)
        for name, value in old.items()
    )
