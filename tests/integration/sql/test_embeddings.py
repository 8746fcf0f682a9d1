"""Embedding models, indexes and cached vectors."""

from __future__ import annotations

import asyncio
import struct
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lorebase.core.errors import Conflict, NotFound
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.pagination import PageRequest
from tests.integration.database import DatabaseUrls
from tests.integration.sql.factories import LONG_AGO, Tenant, add_live, embedding_model, register

Units = SqlUnitOfWorkFactory


async def test_registering_a_model_version_again_gives_the_first(database: DatabaseUrls) -> None:
    model = embedding_model()
    assert await register(database, model) == model
    again = embedding_model(name=model.name)
    assert await register(database, again) == model
    newer = embedding_model(name=model.name, version="2")
    assert await register(database, newer) == newer


async def test_a_collection_belongs_to_one_model_version(database: DatabaseUrls) -> None:
    model = await register(database, embedding_model())
    with pytest.raises(Conflict):
        await register(database, embedding_model(collection=model.collection))


async def test_models_are_listed_newest_first_and_a_deprecated_one_is_not_the_default(
    units: Units, database: DatabaseUrls
) -> None:
    async with units.for_workspace(new_id()) as uow:
        assert await uow.embeddings.default_model() is None
    models = [
        await register(
            database,
            embedding_model(
                created_at=LONG_AGO + timedelta(days=day), deprecated_at=LONG_AGO if day == 2 else None
            ),
        )
        for day in range(3)
    ]
    async with units.for_workspace(new_id()) as uow:
        page = await uow.embeddings.models(PageRequest(limit=2))
        assert list(page.items) == [models[2], models[1]]
        assert page.has_next
        assert await uow.embeddings.count_models() == 3
        assert await uow.embeddings.default_model() == models[1]
        assert await uow.embeddings.get_models([models[0].id, new_id()]) == [models[0]]


async def test_an_index_counts_what_it_holds(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        first = await add_live(uow, tenant, texts=("a", "b", "c"))
        await add_live(uow, tenant, texts=("d",))
        (index,) = await uow.embeddings.get_indexes([tenant.index_id, new_id()])
        assert (index.document_count, index.chunk_count) == (2, 4)
        await uow.embeddings.commit_document(tenant.index_id, first.document.id, 2, 7)
        page = await uow.embeddings.index_page(tenant.knowledge_base_id, PageRequest(limit=5))
        assert [(one.id, one.chunk_count) for one in page.items] == [(tenant.index_id, 8)]
        await uow.embeddings.remove_document(first.document.id)
        (index,) = await uow.embeddings.indexes_of(tenant.knowledge_base_id)
        assert (index.document_count, index.chunk_count) == (1, 1)


async def test_an_index_holds_documents_of_the_workspace_only(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(NotFound):
            await uow.embeddings.commit_document(tenant.index_id, new_id(), 1, 1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    vectors=st.dictionaries(
        st.binary(min_size=32, max_size=32),
        st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40).map(tuple),
        max_size=8,
    )
)
async def test_cached_vectors_come_back_bit_by_bit(
    units: Units, tenant: Tenant, vectors: dict[bytes, tuple[float, ...]]
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.embeddings.cache_vectors(tenant.model.id, vectors)
        found = await uow.embeddings.cached_vectors(tenant.model.id, [*vectors, b"\0" * 31])

    def bits(vector: tuple[float, ...]) -> bytes:
        return struct.pack(f"{len(vector)}f", *vector)

    assert {key: bits(vector) for key, vector in found.items()} == {
        key: bits(vector) for key, vector in vectors.items()
    }


async def test_a_cached_vector_stays_and_belongs_to_its_model(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    other = await register(database, embedding_model())
    key = b"k" * 32
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.embeddings.cache_vectors(tenant.model.id, {key: (1.0, 0.5)})
        await uow.embeddings.cache_vectors(tenant.model.id, {key: (0.0, 0.25)})
        assert await uow.embeddings.cached_vectors(tenant.model.id, [key]) == {key: (1.0, 0.5)}
        assert await uow.embeddings.cached_vectors(other.id, [key]) == {}


async def test_writers_of_the_same_vectors_never_wait_in_a_circle(units: Units, tenant: Tenant) -> None:
    keys = [bytes([number]) * 32 for number in range(100)]

    async def write(order: list[bytes]) -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.embeddings.cache_vectors(tenant.model.id, dict.fromkeys(order, (0.5,)))
            await uow.commit()

    await asyncio.gather(*(write(keys if number % 2 else keys[::-1]) for number in range(10)))
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert len(await uow.embeddings.cached_vectors(tenant.model.id, keys)) == 100
