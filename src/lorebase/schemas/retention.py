"""Values of removing what has served its time."""

from __future__ import annotations

from uuid import UUID

from lorebase.schemas.base import Value


class CachedVectorKey(Value):
    """A vector that was paid for, by model and BLAKE2b-256 of the text embedded."""

    model_id: UUID
    text_hash: bytes


class LivePassage(Value):
    """What a searchable passage is embedded from."""

    chunk_id: UUID
    title: str
    section: tuple[str, ...]
    text: str
