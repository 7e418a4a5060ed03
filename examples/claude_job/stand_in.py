"""Stands in for `claude -p --output-format stream-json`: it needs no network and no key.

It reads the prompt from its standard input, says a few words slowly, and ends with a result. With
`--resume ID` it goes on from where that session was. What it remembers of a session is one file in
the folder that CLAUDE_CONFIG_DIR names.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from pathlib import Path

WORDS = ["Reading", "the", "login", "page.", "Found", "it.", "Mending", "it.", "Done."]


def say(session_id: str, **line: object) -> None:
    """Write one line of the stream."""
    print(json.dumps({**line, "session_id": session_id, "uuid": str(uuid.uuid4())}), flush=True)


def main() -> None:
    """Answer one prompt."""
    arguments = sys.argv[1:]
    resumed = arguments[arguments.index("--resume") + 1] if "--resume" in arguments else None
    prompt = sys.stdin.read()
    if not prompt:
        # Whoever started it has gone before it asked anything.
        sys.exit(1)
    session_id = resumed or str(uuid.uuid4())
    memory = Path(os.environ["CLAUDE_CONFIG_DIR"], f"{session_id}.json")
    said = json.loads(memory.read_text()) if memory.exists() else []
    say(session_id, type="system", subtype="init", cwd=str(Path.cwd()))
    for word in WORDS[len(said) :]:
        time.sleep(0.05)
        said.append(word)
        memory.write_text(json.dumps(said))
        content = [{"type": "text", "text": word}]
        say(session_id, type="assistant", message={"role": "assistant", "content": content})
    say(session_id, type="result", subtype="success", is_error=False, result=" ".join(said))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Nobody listens any more.
        sys.exit(1)
