"""A small stand-in for the Messages API on loopback; it keeps what it was asked."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from memva.domain.usage import Usage

Block = dict[str, Any]
"""A block of a message's content."""

_numbers = itertools.count(1)


def text(words: str) -> Block:
    """Return a block of text."""
    return {"type": "text", "text": words}


def uses(tool: str, **arguments: Any) -> Block:
    """Return a block that calls a tool."""
    return {"type": "tool_use", "name": tool, "input": arguments}


class StandIn:
    """Answers each prompt with the blocks that stand for it in `script`.

    It answers what a tool brought with "The tool is done.", and any other prompt with "Heard: " and
    the prompt. No two answers bear the same id or the same usage.
    """

    def __init__(self, script: Mapping[str, Sequence[Block]]) -> None:
        self.script = dict(script)
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.requests: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def usage(self) -> Usage:
        """Return what all answers came to."""
        total = Usage()
        for answer in self.answers:
            tokens = answer["usage"]
            total += Usage(
                input_tokens=tokens["input_tokens"],
                output_tokens=tokens["output_tokens"],
                cache_creation_tokens=tokens["cache_creation_input_tokens"],
                cache_read_tokens=tokens["cache_read_input_tokens"],
            )
        return total

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, and keep both."""
        number = next(_numbers)
        content = [
            {"id": f"toolu_{number:03}_{place}", **block} if block["type"] == "tool_use" else block
            for place, block in enumerate(self._content(request))
        ]
        calls = any(block["type"] == "tool_use" for block in content)
        answer = {
            "id": f"msg_{number:03}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": content,
            "stop_reason": "tool_use" if calls else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 100 + number,
                "cache_creation_input_tokens": 1_000 + number,
                "cache_read_input_tokens": 10_000 + number,
                "output_tokens": 50 + number,
            },
        }
        self.requests.append(request)
        self.answers.append(answer)
        return answer

    def _content(self, request: dict[str, Any]) -> Sequence[Block]:
        said = [turn["content"] for turn in request["messages"] if turn["role"] == "user"][-1]
        last = text(said) if isinstance(said, str) else said[-1]
        if last["type"] == "tool_result":
            return [text("The tool is done.")]
        prompt: str = last["text"]
        return self.script.get(prompt, [text(f"Heard: {prompt}")])


def said_in(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return who said what in the conversation that a request carries, prompts of the system aside.

    A tool's call is its name, a tool's result its text.
    """
    return [
        (turn["role"], words)
        for turn in request["messages"]
        if turn["role"] != "system"
        for words in _words(turn["content"])
        if not words.startswith("<system-reminder>")
    ]


def _words(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    for block in content:
        match block["type"]:
            case "text":
                yield block["text"]
            case "tool_use":
                yield block["name"]
            case "tool_result":
                yield from _words(block["content"])


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stand_in = stand_in


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.partition("?")[0] != "/v1/messages":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        answer = self.server.stand_in.answer(json.loads(body))
        stream = "".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in _events(answer)
        ).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(stream)))
        # Without it a thread would wait for the next request when the server is closed.
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(stream)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _events(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the stream that says `answer`; its end alone has the final usage, as with the API."""
    usage = {**answer["usage"], "output_tokens": 1}
    begun = {**answer, "content": [], "stop_reason": None, "usage": usage}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(answer["content"]):
        if block["type"] == "text":
            empty = {**block, "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": answer["stop_reason"], "stop_sequence": None},
        "usage": answer["usage"],
    }
    yield {"type": "message_stop"}
