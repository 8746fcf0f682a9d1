"""Storage of idempotency keys."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class IdempotencyRepository(Protocol):
    """Results of mutations by the caller's key, kept for 24 hours."""

    async def claim(self, principal_id: UUID, key: str, mutation: str, fingerprint: bytes) -> str | None:
        """Takes the key for this transaction, or returns the stored result (JSON) of an earlier one.

        Waits for a concurrent transaction with the same key to end. Raises
        Conflict(IDEMPOTENCY_MISMATCH) when the key was used with other input or another mutation.
        """
        ...

    async def store(self, principal_id: UUID, key: str, result: str) -> None:
        """Keeps the result with the claimed key."""
        ...
