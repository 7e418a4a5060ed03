"""Recording a stream of Claude Code's as a whole, from its first message to how it ended."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

import attrs

from memva.domain.errors import InvalidValue, MemvaError
from memva.domain.json import JsonObject, read_object
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.domain.stream import claude_status_after
from memva.services.recording import record_message
from memva.services.sessions import update_session


@attrs.frozen(kw_only=True)
class RecordingProblem:
    """Something on a stream that could not be recorded.

    Attributes:
        number: Which line of the stream it was, or which message, from 1.
        reason: Why, for people to read; nothing of the content is in it.
        content: What came: the line as it came, or the message. It is nowhere else any more.
    """

    number: int
    reason: str
    content: object = attrs.field(repr=False, hash=False)


def record_stream(
    store: Store,
    session_id: str,
    stream: Iterable[str] | Iterable[bytes],
    *,
    claude_session_id: str | None = None,
    redact: Redact | None = None,
    on_problem: Callable[[RecordingProblem], None] | None = None,
) -> Generator[JsonObject, None, None]:
    """Record what Claude Code says with `--output-format stream-json`, and yield each message.

    `stream` gives its lines, as the standard output of a `subprocess.Popen` does. Each message is
    recorded as `record_message` does it before it is yielded; partial messages are yielded alone.
    Where the stream ends, raises or is left without a result having come last, the session's
    `claude_status` becomes `error`; an error of the stream's own goes on then.

    Lines that are blank are passed over. What else is no message, half a line at the end included,
    stops nothing: it is a problem.

    Args:
        store: Where to.
        session_id: The session.
        stream: The lines.
        claude_session_id: Claude Code's own session until a message says one; that of the
            session's last event where None.
        redact: Goes over every text of what is stored; what is yielded is whole.
        on_problem: Told of each line that could not be recorded; where None it is logged.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: `stream` does not give lines: it is one text, or None.
        StoreError: The store failed; the stream was read no further.
    """
    if isinstance(stream, str | bytes) or not isinstance(stream, Iterable):
        # A text would give its characters. A process without a pipe has None.
        raise InvalidValue("stream", stream, "must give lines, as a process's piped stdout does")
    recording = Recording(
        store,
        session_id,
        claude_session_id=claude_session_id,
        redact=redact,
        on_problem=on_problem,
    )
    recording.begin()
    return _recorded(recording, stream)


class Recording:
    """One stream that is being recorded: who speaks on it, and whether a result came last."""

    def __init__(
        self,
        store: Store,
        session_id: str,
        *,
        claude_session_id: str | None,
        redact: Redact | None,
        on_problem: Callable[[RecordingProblem], None] | None,
    ) -> None:
        self._store = store
        self._session_id = session_id
        self._claude_session_id = claude_session_id
        self._redact = redact
        self._on_problem = on_problem
        self._number = 0
        self._has_result = False

    def begin(self) -> None:
        """Look whether the session is there.

        Raises:
            SessionNotFound: It is not.
        """
        self._store.sessions.get(self._session_id)

    def line(self, content: str | bytes) -> JsonObject | None:
        """Record the next line, and return its message; None where it is none.

        Raises:
            SessionNotFound: The session was deleted.
        """
        if not content or content.isspace():
            self._number += 1
            return None
        # Surrogates, by which Python stands for bytes that are no text, are no UTF-8 again.
        line = content.encode(errors="surrogatepass") if isinstance(content, str) else content
        try:
            data = read_object(line)
        except ValueError as error:
            self._number += 1
            self._tell(content, str(error))
            return None
        self.message(data)
        return data

    def message(self, message: object) -> None:
        """Record the next message.

        Raises:
            SessionNotFound: The session was deleted.
        """
        self._number += 1
        try:
            event = record_message(
                self._store,
                self._session_id,
                message,
                claude_session_id=self._claude_session_id,
                redact=self._redact,
            )
        except InvalidValue as error:
            self._tell(message, f"{error.field} {error.rule}")
            return
        if event is None:
            return
        self._claude_session_id = event.session_id
        status = claude_status_after(event)
        if status is not None:
            self._has_result = status != "processing"

    def end(self) -> None:
        """Tell that the stream has ended.

        Raises:
            SessionNotFound: The session was deleted.
        """
        if not self._has_result:
            update_session(self._store, self._session_id, claude_status="error")

    def break_off(self, error: BaseException) -> None:
        """Tell that `error` has ended the stream; it learns what keeps that from being stored."""
        try:
            self.end()
        except MemvaError as unstored:
            error.add_note(f"claude_status could not be set to error: {unstored}")

    def _tell(self, content: object, reason: str) -> None:
        problem = RecordingProblem(number=self._number, reason=reason, content=content)
        if self._on_problem is not None:
            self._on_problem(problem)
            return
        # Loaded when first used, so that importing memva stays quick.
        import logging

        logging.getLogger("memva.recording").warning(
            "session %s: line %d of the stream was not recorded: %s",
            self._session_id,
            problem.number,
            reason,
        )


def _recorded(
    recording: Recording, stream: Iterable[str] | Iterable[bytes]
) -> Generator[JsonObject, None, None]:
    try:
        for line in stream:
            message = recording.line(line)
            if message is not None:
                yield message
    except BaseException as error:
        recording.break_off(error)
        raise
    recording.end()
