"""Names of collections in memory."""

from __future__ import annotations

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.schemas.embeddings import EmbeddingModel


class FakeCollections:
    """Names of collections; `down` makes every call fail."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.down = False

    async def create(self, model: EmbeddingModel) -> bool:
        self._check()
        made = model.collection not in self.names
        self.names.add(model.collection)
        return made

    async def create_keywords(self, collection: str) -> bool:
        self._check()
        made = collection not in self.names
        self.names.add(collection)
        return made

    async def drop(self, collection: str) -> None:
        self._check()
        self.names.discard(collection)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("away", code=ErrorCode.VECTOR_STORE_UNAVAILABLE)
