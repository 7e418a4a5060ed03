"""memva for hosts of the Claude Agent SDK; it needs the extra `memva[claude]`."""

__all__: list[str] = []
