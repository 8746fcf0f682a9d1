"""Embedding models and indexes as users see them, and vectors that are paid for once."""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.errors import ErrorCode, Transient
from lorebase.ports.embedder import Embedder
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.analysers import ListedAnalyser
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require
from lorebase.services.keywords.analysers import DESCRIPTIONS

Vector = tuple[float, ...]


class EmbeddingService:
    """Lists models and analysers, which all workspaces share, and the indexes of this one."""

    def __init__(self, *, units: UnitOfWorkFactory) -> None:
        self._units = units

    async def analysers(self, principal: Principal) -> list[ListedAnalyser]:
        """Versions of the keyword analyser that indexes may name, oldest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            found = await uow.analysers.all()
        return [
            ListedAnalyser(
                version=known.version, description=DESCRIPTIONS.get(known.version, ""), registered=known
            )
            for known in found
        ]

    async def models(self, principal: Principal, page: PageRequest) -> Page[EmbeddingModel]:
        """Models, newest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.embeddings.models(page)

    async def count_models(self, principal: Principal) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.embeddings.count_models()

    async def get_models(self, principal: Principal, ids: Sequence[UUID]) -> list[EmbeddingModel]:
        """Those that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.embeddings.get_models(ids)

    async def get_indexes(self, principal: Principal, ids: Sequence[UUID]) -> list[EmbeddingIndex]:
        """Those that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.embeddings.get_indexes(ids)

    async def index_page(
        self, principal: Principal, knowledge_base_id: UUID, page: PageRequest
    ) -> Page[EmbeddingIndex]:
        """Indexes of a knowledge base, newest first."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.embeddings.index_page(knowledge_base_id, page)


class CachedEmbedder:
    """Embeds what was never embedded in this workspace; a rerun or a rebuild pays nothing again."""

    def __init__(self, *, units: UnitOfWorkFactory, embedder: Embedder) -> None:
        self._units = units
        self._embedder = embedder

    async def embed_cached(
        self, workspace_id: UUID, model: EmbeddingModel, texts: Sequence[str]
    ) -> list[Vector]:
        """One vector of `model.dimensions` for each text, in order, in single precision.

        Raises as Embedder.embed does; a vector that is not finite, zero or of another length is
        Transient(MODEL_MISBEHAVED); a kept one like that is embedded anew.
        """
        hashes = [text_hash(text) for text in texts]
        async with self._units.for_workspace(workspace_id) as uow:
            cached = await uow.embeddings.cached_vectors(model.id, list(dict.fromkeys(hashes)))
            if await uow.embeddings.note_use(model.id, list(cached)):
                await uow.commit()
        known = {key: vector for key, vector in cached.items() if _is_usable(vector, model)}
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
        if missing:
            fresh = await self._embed(model, missing)
            async with self._units.for_workspace(workspace_id) as uow:
                await uow.embeddings.cache_vectors(model.id, fresh)
                await uow.commit()
            known.update(fresh)
        return [known[key] for key in hashes]

    async def _embed(self, model: EmbeddingModel, missing: Mapping[bytes, str]) -> dict[bytes, Vector]:
        embedded = await self._embedder.embed(model, list(missing.values()))
        if len(embedded.vectors) != len(missing):
            message = "The embedding model returned another number of vectors than asked."
            raise Transient(message, code=ErrorCode.MODEL_MISBEHAVED)
        vectors = (_single_precision(_checked(vector, model)) for vector in embedded.vectors)
        return dict(zip(missing, vectors, strict=True))


def text_hash(text: str) -> bytes:
    """BLAKE2b-256 of the text that is embedded, the key of its cached vector."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()


def _single_precision(vector: Vector) -> Vector:
    shape = f"{len(vector)}f"
    return struct.unpack(shape, struct.pack(shape, *vector))


def _is_usable(vector: Vector, model: EmbeddingModel) -> bool:
    return len(vector) == model.dimensions and all(map(math.isfinite, vector)) and any(vector)


def _checked(vector: Vector, model: EmbeddingModel) -> Vector:
    if not _is_usable(vector, model):
        message = "The embedding model returned a vector that cannot be used."
        raise Transient(message, code=ErrorCode.MODEL_MISBEHAVED)
    return vector
