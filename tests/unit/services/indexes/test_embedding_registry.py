"""What operators do with embedding models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from lorebase.core.errors import Conflict, ErrorCode, NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import EmbeddingModel, ModelWish, RegisteredModel
from lorebase.services.indexes.embedding_registry import EmbeddingRegistryService
from tests.factories import make_model
from tests.fakes.clock import START
from tests.fakes.collections import FakeCollections


class FakeRegistry:
    """Models in memory; `used` ones cannot be removed."""

    def __init__(self) -> None:
        self.models: dict[UUID, EmbeddingModel] = {}
        self.chosen: UUID | None = None
        self.used: set[UUID] = set()

    async def register(self, model: EmbeddingModel) -> EmbeddingModel:
        same = (model.name, model.provider, model.version, model.dimensions)
        for held in self.models.values():
            if (held.name, held.provider, held.version, held.dimensions) == same:
                return held
        self.models[model.id] = model
        return model

    async def choose(self, model_id: UUID) -> None:
        self.chosen = model_id

    async def all(self) -> Sequence[RegisteredModel]:
        return [RegisteredModel(model=one, is_default=one.id == self.chosen) for one in self.models.values()]

    async def deprecate(self, model_id: UUID) -> None:
        self.models[model_id] = self.models[model_id].model_copy(update={"deprecated_at": START})

    @asynccontextmanager
    async def removal(self, model_id: UUID) -> AsyncIterator[None]:
        if model_id in self.used:
            raise Conflict("Indexes still use the embedding model.", code=ErrorCode.WRONG_STATE)
        yield
        del self.models[model_id]


class Office:
    """The service and what stands behind it."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.collections = FakeCollections()
        self.service = EmbeddingRegistryService(
            registry=self.registry,
            collections=self.collections,
            describe=self.describe,
        )

    async def describe(self, wish: ModelWish) -> EmbeddingModel:
        length = wish.dimensions or 16
        return make_model(name=wish.name, dimensions=length, collection=f"chunks_{wish.name}_{length}")


@pytest.fixture
def office() -> Office:
    return Office()


WISH = ModelWish(name="mini", provider="local", dimensions=8)


async def test_an_added_model_has_a_collection_and_leaves_the_default_alone(office: Office) -> None:
    default = await office.service.adopt(make_model())
    added = await office.service.add(WISH)
    assert await office.service.add(WISH) == added
    assert office.collections.names == {default.collection, "chunks_mini_8"}
    states = {found.model.id: found.is_default for found in await office.service.models()}
    assert states == {default.id: True, added.id: False}


async def test_a_retired_model_goes_with_its_collection(office: Office) -> None:
    added = await office.service.add(WISH)
    assert (await office.service.retire(added.id)).id == added.id
    assert (office.registry.models, office.collections.names) == ({}, set())


async def test_a_model_in_use_is_only_deprecated_and_cannot_be_added_again(office: Office) -> None:
    added = await office.service.add(WISH)
    office.registry.used.add(added.id)
    with pytest.raises(Conflict) as refusal:
        await office.service.retire(added.id)
    assert refusal.value.code is ErrorCode.WRONG_STATE
    assert office.collections.names == {added.collection}
    assert office.registry.models[added.id].deprecated_at == START
    with pytest.raises(Conflict):
        await office.service.add(WISH)


async def test_a_model_stays_when_its_collection_cannot_be_dropped(office: Office) -> None:
    added = await office.service.add(WISH)
    office.collections.down = True
    with pytest.raises(Unavailable):
        await office.service.retire(added.id)
    assert added.id in office.registry.models
    office.collections.down = False
    await office.service.retire(added.id)
    assert office.registry.models == {}


async def test_an_unknown_model_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound):
        await office.service.retire(new_id())
