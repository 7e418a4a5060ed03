"""What an import leaves out: the sessions of Claude Code's that were deleted."""

from __future__ import annotations

from memva.domain.ports import Store


class Deletions:
    """The deletions that one import knows of, and those that it undoes."""

    def __init__(self, store: Store, *, restore: bool) -> None:
        self._store = store
        self._restore = restore
        self._met: set[str] = set()

    def meet(self, claude_session_id: str) -> None:
        """Forget that a session was deleted, where the import is to bring such ones back.

        It does so once for each session. A deletion that comes while the import is at it stands:
        what was read before it is gone, and only a part would come back.
        """
        if not self._restore or claude_session_id in self._met:
            return
        self._met.add(claude_session_id)
        if self.leave_out(claude_session_id):
            self._store.sessions.forget_deletion(claude_session_id)

    def leave_out(self, claude_session_id: str) -> bool:
        """Tell whether a session was deleted, so that nothing of it is to be imported."""
        return self._store.sessions.is_deleted(claude_session_id)
