"""Indexes that are built, switched and retired, and the registry of models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.repositories.database import create_owner_engine
from lorebase.repositories.sql.embedding_registry import SqlEmbeddingRegistry
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.embeddings import (
    EmbeddingIndex,
    EmbeddingModel,
    HeldDocument,
    NewIndex,
    ReindexKnowledgeBase,
)
from lorebase.schemas.jobs import JobLane
from lorebase.schemas.reindex_gates import ReindexGate
from lorebase.services.jobs.index_jobs import gate_of, new_reindex_job
from tests.integration.database import DatabaseUrls
from tests.integration.sql.factories import Tenant, add_live, embedding_model, register

Units = SqlUnitOfWorkFactory


@pytest.fixture
async def shorter(database: DatabaseUrls) -> EmbeddingModel:
    return await register(database, embedding_model(dimensions=2))


@pytest.fixture
async def registry(database: DatabaseUrls) -> AsyncIterator[SqlEmbeddingRegistry]:
    engine = create_owner_engine(database.owner)
    yield SqlEmbeddingRegistry(engine)
    await engine.dispose()


async def add_index(uow: UnitOfWork, tenant: Tenant, model: EmbeddingModel) -> EmbeddingIndex:
    index_id, job_id = new_id(), new_id()
    added = await uow.indexes.add(
        NewIndex(id=index_id, knowledge_base_id=tenant.knowledge_base_id, model_id=model.id, job_id=job_id)
    )
    gate = ReindexGate(evaluation_set_id=new_id(), max_mrr_drop=0.1)
    wish = ReindexKnowledgeBase(id=tenant.knowledge_base_id, embedding_model_id=model.id, gate=gate)
    job = await uow.jobs.add(new_reindex_job(job_id, index_id, wish))
    assert (job.lane, gate_of(job)) == (JobLane.INDEXES, gate)
    return added


async def test_a_new_index_misses_every_live_document_until_it_is_written(
    units: Units, tenant: Tenant, shorter: EmbeddingModel
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = sorted([(await add_live(uow, tenant, texts=("a", "b"))).document.id for _ in range(3)])
        index = await add_index(uow, tenant, shorter)
        assert (index.is_complete, index.progress, index.chunk_count) == (False, 0.0, 0)
        assert list(await uow.indexes.missing_documents(index.id, 10)) == live
        assert list(await uow.indexes.missing_documents(index.id, 2)) == live[:2]
        await uow.embeddings.commit_document(index.id, live[0], 1, 2)
        await uow.embeddings.commit_document(index.id, live[1], 7, 2)
        assert list(await uow.indexes.missing_documents(index.id, 10)) == live[1:]
        held = HeldDocument(document_id=live[0], generation=1, chunk_count=2)
        assert list(await uow.indexes.held_documents(index.id, None, 10)) == [held]
        assert list(await uow.indexes.held_documents(index.id, live[0], 10)) == []
        await uow.indexes.forget_document(index.id, live[0], 2)
        assert list(await uow.indexes.missing_documents(index.id, 10)) == live[1:]
        await uow.indexes.forget_document(index.id, live[0], 1)
        assert list(await uow.indexes.missing_documents(index.id, 10)) == live


async def test_only_a_complete_index_becomes_the_active_one(
    units: Units, tenant: Tenant, shorter: EmbeddingModel
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        index = await add_index(uow, tenant, shorter)
        with pytest.raises(Conflict) as refusal:
            await uow.indexes.activate(index.id)
        assert refusal.value.code is ErrorCode.WRONG_STATE
        await uow.indexes.note_progress(index.id, 0.5)
        assert (await uow.indexes.get(index.id)).progress == 0.5
        await uow.indexes.complete(index.id)
        await uow.indexes.activate(index.id)
        base = await uow.knowledge_bases.get(tenant.knowledge_base_id)
        assert (base.active_index_id, base.version) == (index.id, tenant.knowledge_base.version)
        active = await uow.indexes.get(index.id)
        assert active.progress == 1.0
        assert active.completed_at is not None
        assert active.activated_at is not None
        assert [one.id for one in await uow.embeddings.indexes_of(base.id)] == [index.id, tenant.index_id]
        await uow.commit()


async def test_a_retired_index_is_seen_by_its_removal_only(
    units: Units, tenant: Tenant, shorter: EmbeddingModel
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        document = (await add_live(uow, tenant)).document
        index = await add_index(uow, tenant, shorter)
        await uow.embeddings.commit_document(index.id, document.id, 1, 1)
        with pytest.raises(Conflict):
            await uow.indexes.retire(tenant.index_id)
        assert await uow.indexes.retired(index.id) is None
        await uow.indexes.retire(index.id)
        with pytest.raises(NotFound):
            await uow.indexes.get(index.id)
        assert await uow.embeddings.get_indexes([index.id]) == []
        assert [one.id for one in await uow.embeddings.indexes_of(tenant.knowledge_base_id)] == [
            tenant.index_id
        ]
        retired = await uow.indexes.retired(index.id)
        assert retired is not None
        assert (retired.collection, retired.was_active) == (shorter.collection, False)
        await uow.indexes.remove(index.id)
        assert await uow.indexes.retired(index.id) is None
        await uow.indexes.remove(tenant.index_id)
        assert (await uow.indexes.get(tenant.index_id)).document_count == 1


async def test_a_model_has_one_index_until_its_vectors_are_gone(
    units: Units, tenant: Tenant, shorter: EmbeddingModel
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        index = await add_index(uow, tenant, shorter)
        await uow.indexes.retire(index.id)
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(Conflict):
            await add_index(uow, tenant, shorter)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.indexes.remove(index.id)
        await add_index(uow, tenant, shorter)
        await uow.commit()


async def test_an_index_is_added_after_those_who_hold_the_set_have_committed(
    units: Units, tenant: Tenant, shorter: EmbeddingModel
) -> None:
    order: list[str] = []
    held = asyncio.Event()

    async def hold() -> None:
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.indexes.hold(tenant.knowledge_base_id)
            held.set()
            async with units.for_workspace(tenant.workspace_id) as other:
                await other.indexes.hold(tenant.knowledge_base_id)
            order.append("held")
            await uow.commit()

    async def add() -> None:
        await held.wait()
        async with units.for_workspace(tenant.workspace_id) as uow:
            await add_index(uow, tenant, shorter)
            order.append("added")
            await uow.commit()

    async with asyncio.TaskGroup() as group:
        group.create_task(hold())
        group.create_task(add())
    assert order == ["held", "added"]


async def test_another_workspace_changes_no_index_of_ours(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(new_id()) as uow:
        for act in (uow.indexes.activate, uow.indexes.retire, uow.indexes.get):
            with pytest.raises(NotFound):
                await act(tenant.index_id)
        await uow.indexes.remove(tenant.index_id)
        assert await uow.indexes.retired(tenant.index_id) is None
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert (await uow.indexes.get(tenant.index_id)).id == tenant.index_id


async def test_one_model_may_be_registered_at_several_lengths(database: DatabaseUrls) -> None:
    model = await register(database, embedding_model())
    shorter = await register(database, embedding_model(name=model.name, dimensions=2))
    assert (shorter.name, shorter.version, shorter.id != model.id) == (model.name, model.version, True)


async def test_the_chosen_model_is_the_default_though_others_are_newer(
    units: Units, registry: SqlEmbeddingRegistry
) -> None:
    chosen, newer = embedding_model(), embedding_model()
    for model in (chosen, newer):
        await registry.register(model)
    await registry.choose(chosen.id)
    async with units.for_workspace(new_id()) as uow:
        assert await uow.embeddings.default_model() == chosen
    listed = {found.model.id: found.is_default for found in await registry.all()}
    assert (listed[chosen.id], listed[newer.id]) == (True, False)
    await registry.deprecate(chosen.id)
    async with units.for_workspace(new_id()) as uow:
        assert (await uow.embeddings.default_model()) != chosen
    with pytest.raises(NotFound):
        await registry.choose(new_id())


async def test_a_model_goes_with_its_cached_vectors_unless_an_index_uses_it(
    units: Units, registry: SqlEmbeddingRegistry, tenant: Tenant, shorter: EmbeddingModel
) -> None:
    began = False
    with pytest.raises(Conflict) as refusal:
        async with registry.removal(tenant.model.id):
            began = True
    assert (refusal.value.code, began) == (ErrorCode.WRONG_STATE, False)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.embeddings.cache_vectors(shorter.id, {b"0" * 32: (1.0, 0.0)})
        await uow.commit()
    with pytest.raises(RuntimeError, match="no drop"):
        async with registry.removal(shorter.id):
            raise RuntimeError("no drop")
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.embeddings.get_models([shorter.id]) == [shorter]
    async with registry.removal(shorter.id):
        began = True
    assert began
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.embeddings.get_models([shorter.id]) == []
        assert await uow.embeddings.cached_vectors(shorter.id, [b"0" * 32]) == {}
        assert await uow.embeddings.get_models([tenant.model.id]) == [tenant.model]
