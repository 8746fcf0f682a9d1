"""Results of mutations by the caller's key, in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from lorebase.core.errors import Conflict, ErrorCode
from tests.fakes.memory.state import IdempotentCall, State

KEPT_FOR = timedelta(hours=24)


class MemoryIdempotency:
    """See ports/idempotency.py. Transactions run one after another, so nobody waits here."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def claim(self, principal_id: UUID, key: str, mutation: str, fingerprint: bytes) -> str | None:
        place = (self._workspace_id, principal_id, key)
        held = self._state.calls.get(place)
        if held is None or self._now - held.at > KEPT_FOR:
            self._state.calls[place] = IdempotentCall(mutation, fingerprint, "{}", self._now)
            return None
        if (held.mutation, held.fingerprint) != (mutation, fingerprint):
            raise Conflict(
                "The idempotency key was used for another request.", code=ErrorCode.IDEMPOTENCY_MISMATCH
            )
        return held.result

    async def store(self, principal_id: UUID, key: str, result: str) -> None:
        place = (self._workspace_id, principal_id, key)
        held = self._state.calls[place]
        self._state.calls[place] = IdempotentCall(held.mutation, held.fingerprint, result, held.at)
