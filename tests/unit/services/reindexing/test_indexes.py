"""Asking for a reindex, switching, and giving an index up."""

from __future__ import annotations

import pytest

from lorebase.core.errors import BadInput, Conflict, ErrorCode, Forbidden, NotFound
from lorebase.core.ids import new_id
from lorebase.schemas.embeddings import ReindexKnowledgeBase
from lorebase.schemas.jobs import Job, JobKind, JobStatus
from lorebase.schemas.workspaces import ApiScope
from tests.factories import Tenant, add_tenant, make_principal
from tests.fakes.clock import START
from tests.fakes.world import World
from tests.unit.services.library_of_indexes import Library


@pytest.fixture
def library(world: World, tenant: Tenant) -> Library:
    return Library(world, tenant)


async def rebuilt(library: Library) -> Job:
    """A finished reindex."""
    await library.fill(3)
    job = await library.reindex()
    await library.world.run_all()
    return job


async def test_the_way_back_is_one_step_and_finds_what_came_meanwhile(library: Library) -> None:
    before = library.active_id
    await rebuilt(library)
    late = await library.add("late")
    await library.world.run_all()
    changed = await library.world.indexes.activate(library.tenant.principal, before)
    assert changed.active_index_id == library.active_id == before
    found = (await library.search("late lighthouses")).hits
    assert {hit.document_id for hit in found} >= {late}
    await library.check()


async def test_activating_the_active_index_changes_nothing(library: Library) -> None:
    before = library.active_id
    changed = await library.world.indexes.activate(library.tenant.principal, before)
    assert changed.active_index_id == before


async def test_an_index_that_is_being_built_can_be_neither_activated_nor_deleted(library: Library) -> None:
    await library.fill(1)
    before = library.active_id
    job = await library.reindex()
    for act in (library.world.indexes.activate, library.world.indexes.delete):
        with pytest.raises(Conflict) as refusal:
            await act(library.tenant.principal, job.subject_id)
        assert refusal.value.code is ErrorCode.WRONG_STATE
    assert library.active_id == before
    assert len(await library.indexes()) == 2


async def test_the_active_index_cannot_be_deleted(library: Library) -> None:
    with pytest.raises(Conflict) as refusal:
        await library.world.indexes.delete(library.tenant.principal, library.active_id)
    assert refusal.value.code is ErrorCode.WRONG_STATE
    assert len(await library.indexes()) == 1


async def test_a_deleted_index_is_gone_at_once_and_its_vectors_once_no_search_can_use_them(
    library: Library,
) -> None:
    before = library.active_id
    await rebuilt(library)
    (old,) = [index for index in await library.indexes() if index.id == before]
    deleted = await library.world.indexes.delete(library.tenant.principal, before)
    assert deleted.job.kind is JobKind.DELETE
    assert [index.id for index in await library.indexes()] == [library.active_id]
    with pytest.raises(NotFound):
        await library.world.indexes.activate(library.tenant.principal, before)
    await library.world.run_all()
    assert library.world.job(deleted.job.id).status is JobStatus.QUEUED
    assert library.rows(old) != []
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    await library.world.run_all()
    assert library.world.job(deleted.job.id).status is JobStatus.SUCCEEDED
    assert library.rows(old) == []
    assert before not in library.world.database.state.indexes
    await library.check()


async def test_a_deletion_of_an_index_is_not_cancelled(library: Library) -> None:
    before = library.active_id
    await rebuilt(library)
    deleted = await library.world.indexes.delete(library.tenant.principal, before)
    with pytest.raises(Conflict):
        await library.world.jobs.cancel(library.tenant.principal, deleted.job.id)


async def test_one_reindex_at_a_time(library: Library) -> None:
    await library.fill(1)
    await library.reindex()
    with pytest.raises(Conflict) as refusal:
        await library.reindex(model=library.register(dimensions=4))
    assert refusal.value.code is ErrorCode.WRONG_STATE
    assert len(await library.indexes()) == 2


async def test_a_model_has_one_index_in_a_knowledge_base(library: Library) -> None:
    for model in (library.tenant.model, library.shorter):
        if model is library.shorter:
            await rebuilt(library)
        with pytest.raises(Conflict) as refusal:
            await library.reindex(model=model)
        assert (refusal.value.code, refusal.value.field) == (ErrorCode.WRONG_STATE, ["embeddingModelId"])


async def test_a_deprecated_model_and_one_that_reads_too_little_are_refused(library: Library) -> None:
    longest = library.tenant.knowledge_base.chunking.max_tokens
    refused = [library.register(deprecated_at=START), library.register(max_input_tokens=longest - 1)]
    for model in refused:
        with pytest.raises(BadInput) as refusal:
            await library.reindex(model=model)
        assert refusal.value.field == ["embeddingModelId"]
    assert len(await library.indexes()) == 1
    await library.reindex(model=library.register(max_input_tokens=longest))


async def test_an_unknown_model_or_knowledge_base_is_not_found(library: Library) -> None:
    commands = [
        ReindexKnowledgeBase(id=library.base_id, embedding_model_id=new_id()),
        ReindexKnowledgeBase(id=new_id(), embedding_model_id=library.shorter.id),
    ]
    for command in commands:
        with pytest.raises(NotFound):
            await library.world.indexes.reindex(library.tenant.principal, command)


async def test_only_administrators_handle_indexes(library: Library) -> None:
    others = frozenset(ApiScope) - {ApiScope.ADMIN}
    principal = make_principal(library.tenant.workspace.id, *others)
    command = ReindexKnowledgeBase(id=library.base_id, embedding_model_id=library.shorter.id)
    with pytest.raises(Forbidden):
        await library.world.indexes.reindex(principal, command)
    for act in (library.world.indexes.activate, library.world.indexes.delete):
        with pytest.raises(Forbidden):
            await act(principal, library.active_id)


async def test_another_workspace_sees_no_index_of_ours(world: World, library: Library) -> None:
    stranger = (await add_tenant(world.database, name="Other")).principal
    for act in (world.indexes.activate, world.indexes.delete):
        with pytest.raises(NotFound):
            await act(stranger, library.active_id)


async def test_a_repeated_request_gives_the_first_result(library: Library) -> None:
    await library.fill(1)
    command = ReindexKnowledgeBase(
        id=library.base_id, embedding_model_id=library.shorter.id, idempotency_key="again"
    )
    principal, indexes = library.tenant.principal, library.world.indexes
    first = await indexes.reindex(principal, command)
    second = await indexes.reindex(principal, command)
    assert (first.index.id, first.job.id) == (second.index.id, second.job.id)
    with pytest.raises(Conflict) as refusal:
        await indexes.reindex(principal, command.model_copy(update={"activate_on_success": False}))
    assert refusal.value.code is ErrorCode.IDEMPOTENCY_MISMATCH
    await library.world.run_all()
    old = next(index.id for index in await library.indexes() if index.id != first.index.id)
    assert (await indexes.activate(principal, old, "back")).active_index_id == old
    assert (await indexes.activate(principal, old, "back")).active_index_id == old
    deletions = [await indexes.delete(principal, first.index.id, "gone") for _ in range(2)]
    assert deletions[0].job.id == deletions[1].job.id


async def test_a_cancelled_reindex_is_begun_anew_and_not_retried(library: Library) -> None:
    await library.fill(1)
    job = await library.reindex()
    await library.world.jobs.cancel(library.tenant.principal, job.id)
    with pytest.raises(NotFound):
        await library.world.jobs.retry(library.tenant.principal, job.id)


async def test_a_failed_reindex_goes_on_when_it_is_retried(library: Library) -> None:
    await library.fill(4)
    job = await library.reindex()
    state = library.world.database.state
    limit = library.world.settings.job_attempts_maximum
    state.jobs[job.id] = job.model_copy(update={"attempt": limit + 1})
    await library.world.run_all()
    assert library.world.job(job.id).status is JobStatus.FAILED
    assert len(await library.indexes()) == 2
    await library.world.jobs.retry(library.tenant.principal, job.id)
    await library.world.run_all()
    assert library.active_id == job.subject_id
    await library.check()
