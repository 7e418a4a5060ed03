"""Claude Code's transcripts where Claude Code keeps them: files of JSON lines."""

from memva.adapters.claude_code.files import TranscriptFiles, default_projects_folder
from memva.adapters.claude_code.settings import cleanup_period
from memva.adapters.claude_code.transcript_folder import TranscriptFolder

__all__ = ["TranscriptFiles", "TranscriptFolder", "cleanup_period", "default_projects_folder"]
