"""Ids of passages, derived so that a rerun writes the same rows again."""

from __future__ import annotations

import hashlib
from uuid import UUID


def chunk_id(workspace_id: UUID, document_id: UUID, generation: int, ordinal: int) -> UUID:
    """BLAKE2b-128 of workspace, document, generation and ordinal, as a UUID of version 8 (RFC 9562, 5.8).

    The workspace is part of it, or one tenant's row could replace another's in a shared collection.
    """
    content = (
        workspace_id.bytes + document_id.bytes + generation.to_bytes(8, "big") + ordinal.to_bytes(8, "big")
    )
    value = int.from_bytes(hashlib.blake2b(content, digest_size=16).digest(), "big")
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0b11 << 62) | 0b10 << 62
    return UUID(int=value)
