"""Claude Code's transcripts where Claude Code keeps them: files of JSON lines."""

from memva.adapters.claude_code.files import TranscriptFiles, default_projects_folder

__all__ = ["TranscriptFiles", "default_projects_folder"]
