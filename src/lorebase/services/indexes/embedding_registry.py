"""The registry of embedding models: what an operator adds, lists and retires."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from lorebase.core.errors import Conflict, NotFound
from lorebase.ports.chunk_index import CollectionAdministration
from lorebase.ports.knowledge_bases import EmbeddingRegistry
from lorebase.schemas.embeddings import EmbeddingModel, ModelWish, RegisteredModel

Describe = Callable[[ModelWish], Awaitable[EmbeddingModel]]


class EmbeddingRegistryService:
    """Models and their collections. Collections are made and removed here and by `migrate`, nowhere else."""

    def __init__(
        self,
        *,
        registry: EmbeddingRegistry,
        collections: CollectionAdministration,
        describe: Describe,
    ) -> None:
        self._registry = registry
        self._collections = collections
        self._describe = describe

    async def models(self) -> Sequence[RegisteredModel]:
        """Every model, newest first."""
        return await self._registry.all()

    async def add(self, wish: ModelWish) -> EmbeddingModel:
        """Registers a model with a collection of its own; one that is there already is given back.

        The default stays. What the wish leaves open is asked of whoever serves the model: BadInput for a
        length that it does not have, Unavailable when it cannot be reached. Conflict for a deprecated model,
        and for a collection with other columns.
        """
        model = await self._registry.register(await self._describe(wish))
        if model.deprecated_at is not None:
            raise Conflict("The embedding model is deprecated: give this one another version.")
        await self._collections.create(model)
        return model

    async def adopt(self, described: EmbeddingModel) -> EmbeddingModel:
        """Registers the model of the settings, with its collection, as the default; may be repeated."""
        model = await self._registry.register(described)
        await self._registry.choose(model.id)
        await self._collections.create(model)
        return model

    async def retire(self, model_id: UUID) -> EmbeddingModel:
        """Deprecates a model, then removes it with its collection and its cached vectors.

        Conflict(WRONG_STATE) while an index uses it: it stays deprecated, so that no other index chooses it.
        NotFound.
        """
        model = await self._one(model_id)
        await self._registry.deprecate(model_id)
        # Within the block: when the collection cannot be dropped the model stays, and this can be repeated.
        async with self._registry.removal(model_id):
            await self._collections.drop(model.collection)
        return model

    async def _one(self, model_id: UUID) -> EmbeddingModel:
        for found in await self._registry.all():
            if found.model.id == model_id:
                return found.model
        raise NotFound("There is no such embedding model.")
