"""Skipped lines as the text that stores keep of them."""

from __future__ import annotations

from typing import Any, cast

import attrs

from memva.domain.json import decode_json, encode_json
from memva.domain.skipped_lines import SkippedLine, SkippedLines


def text_or_null(skipped: SkippedLines) -> str | None:
    """Return skipped lines as JSON, or None where there are none."""
    if not skipped.count:
        return None
    return encode_json(attrs.asdict(skipped), field="skipped")


def skipped_lines(text: str | None) -> SkippedLines:
    """Return the skipped lines that a text says."""
    if text is None:
        return SkippedLines()
    stored = cast("dict[str, Any]", decode_json(text))
    return SkippedLines(stored["count"], tuple(SkippedLine(**line) for line in stored["first"]))
