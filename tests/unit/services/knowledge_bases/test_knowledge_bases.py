"""Knowledge bases: what they may declare, and what stays when documents depend on it."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from lorebase.core.errors import BadInput, Conflict, Forbidden, LimitExceeded, NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.knowledge_bases import (
    CreateKnowledgeBase,
    KnowledgeBaseOrder,
    MetadataField,
    MetadataFieldType,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.parsing import ChunkingRules
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.knowledge_bases.knowledge_bases import KnowledgeBaseService
from tests.factories import Tenant, add_tenant, make_model, make_principal
from tests.fakes.clock import START
from tests.fakes.world import World

STRING = MetadataFieldType.STRING


def service(world: World) -> KnowledgeBaseService:
    return world.bases


async def create(world: World, tenant: Tenant, **given: object) -> object:
    command = CreateKnowledgeBase.model_validate({"name": "Handbook", **given})
    return await service(world).create(tenant.principal, command)


async def test_a_knowledge_base_is_made_with_an_active_index(world: World, tenant: Tenant) -> None:
    made = await service(world).create(tenant.principal, CreateKnowledgeBase(name=" The  Handbook "))
    assert (made.name, made.slug, made.version) == ("The Handbook", "the-handbook", 1)
    assert made.chunking == ChunkingRules(max_tokens=64, overlap_tokens=31)
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        [index] = await uow.embeddings.indexes_of(made.id)
    assert (index.id, index.model) == (made.active_index_id, tenant.model)


async def test_the_newest_model_that_is_not_deprecated_is_the_default(world: World, tenant: Tenant) -> None:
    newer, old = (
        make_model(created_at=START.replace(year=2027)),
        make_model(created_at=START.replace(year=2028), deprecated_at=START),
    )
    world.database.state.models |= {newer.id: newer, old.id: old}
    made = await service(world).create(
        tenant.principal, CreateKnowledgeBase(name="x", chunk_overlap_tokens=0)
    )
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert (await uow.embeddings.indexes_of(made.id))[0].model == newer
    with pytest.raises(BadInput):
        await create(world, tenant, embedding_model_id=old.id)
    with pytest.raises(NotFound):
        await create(world, tenant, embedding_model_id=new_id())


async def test_without_any_model_nothing_can_be_made(world: World, tenant: Tenant) -> None:
    world.database.state.models.clear()
    with pytest.raises(Unavailable):
        await create(world, tenant)


async def test_slugs_are_unique_in_a_workspace(world: World, tenant: Tenant) -> None:
    await create(world, tenant, chunk_overlap_tokens=0)
    await create(world, tenant, chunk_overlap_tokens=0)
    assert await service(world).by_slug(tenant.principal, "handbook-2") is not None
    with pytest.raises(Conflict):
        await create(world, tenant, slug="handbook", chunk_overlap_tokens=0)
    other = await add_tenant(world.database, name="Other")
    await create(world, other, slug="handbook", chunk_overlap_tokens=0)
    assert await service(world).count(tenant.principal) == 3


@pytest.mark.parametrize(
    ("largest", "overlap", "fine"),
    [(None, 31, True), (64, 0, True), (None, 32, False), (65, 0, False), (63, 0, False), (64, -1, False)],
)
async def test_chunks_fit_the_model_and_share_less_than_half(
    world: World, tenant: Tenant, largest: int | None, overlap: int, fine: bool
) -> None:
    given = {"chunk_max_tokens": largest, "chunk_overlap_tokens": overlap}
    if fine:
        await create(world, tenant, **given)
    else:
        with pytest.raises(BadInput) as refused:
            await create(world, tenant, **given)
        assert refused.value.field is not None
        assert refused.value.field[0] == "chunking"


@pytest.mark.parametrize(
    "paths",
    [["a b"], [""], ["a..b"], [".a"], ['a" or 1'], ["a\0"], ["ä"], ["a", "a"], ["a", "a.b"], ["x" * 129]],
)
async def test_paths_that_could_mean_something_else_are_refused(
    world: World, tenant: Tenant, paths: list[str]
) -> None:
    fields = tuple(MetadataField(path=path, type=STRING) for path in paths)
    with pytest.raises(BadInput):
        await create(world, tenant, metadata_fields=fields, chunk_overlap_tokens=0)


async def test_lists_and_texts_have_limits(world: World, tenant: Tenant) -> None:
    many = tuple(MetadataField(path=f"f{n}", type=STRING) for n in range(65))
    for given in ({"metadata_fields": many}, {"description": "x" * 2001}):
        with pytest.raises(LimitExceeded):
            await create(world, tenant, chunk_overlap_tokens=0, **given)
    with pytest.raises(BadInput):
        await create(world, tenant, chunk_overlap_tokens=0, description="a\0")


async def test_an_update_changes_what_is_given_and_grows_the_version(world: World, tenant: Tenant) -> None:
    change = UpdateKnowledgeBase(id=tenant.knowledge_base.id, name="New", expected_version=1)
    changed = await service(world).update(tenant.principal, change)
    assert (changed.name, changed.version) == ("New", 2)
    assert changed.metadata_fields == tenant.knowledge_base.metadata_fields
    with pytest.raises(Conflict):
        await service(world).update(tenant.principal, change)
    for bad in ({"name": None}, {"name": ""}, {"description": "\0"}):
        command = UpdateKnowledgeBase.model_validate({"id": tenant.knowledge_base.id, **bad})
        with pytest.raises(BadInput):
            await service(world).update(tenant.principal, command)


async def test_a_field_that_documents_carry_can_change_neither_type_nor_path(
    world: World, tenant: Tenant
) -> None:
    await world.upsert(tenant, "Text.", metadata={"year": 2026})
    for fields in ((), (MetadataField(path="year", type=STRING),)):
        change = UpdateKnowledgeBase(id=tenant.knowledge_base.id, metadata_fields=fields)
        with pytest.raises(Conflict):
            await service(world).update(tenant.principal, change)
    kept = MetadataField(path="year", type=MetadataFieldType.NUMBER, description="Of publication")
    change = UpdateKnowledgeBase(id=tenant.knowledge_base.id, metadata_fields=(kept,))
    changed = await service(world).update(tenant.principal, change)
    assert changed.metadata_fields == (kept,)


async def test_declaring_fields_of_an_empty_base_needs_no_job(world: World, tenant: Tenant) -> None:
    fields = (MetadataField(path="colour", type=STRING),)
    change = UpdateKnowledgeBase(id=tenant.knowledge_base.id, metadata_fields=fields)
    await service(world).update(tenant.principal, change)
    assert world.database.state.jobs == {}


async def test_repeated_calls_replay(world: World, tenant: Tenant) -> None:
    command = CreateKnowledgeBase(name="x", chunk_overlap_tokens=0, idempotency_key="c")
    made = [await service(world).create(tenant.principal, command) for _ in range(2)]
    assert made[0] == made[1]
    change = UpdateKnowledgeBase(id=made[0].id, name="y", expected_version=1, idempotency_key="u")
    changed = [await service(world).update(tenant.principal, change) for _ in range(2)]
    assert changed[0] == changed[1]
    assert changed[1].version == 2


async def test_statistics_and_facets_count_what_is_there(world: World, tenant: Tenant) -> None:
    for year in (2025, 2026, 2026):
        await world.upsert(tenant, f"Text {year} {new_id()}.", metadata={"year": year}, tags=("a",))
    await world.run_all()
    base = tenant.knowledge_base.id
    stats = (await service(world).stats(tenant.principal, [base]))[base]
    assert (stats.document_count, stats.chunk_count) == (3, 3)
    facets = await service(world).facets(tenant.principal, base, "year", None, 10)
    assert [(facet.value, facet.count) for facet in facets] == [("2026", 2), ("2025", 1)]
    assert (await service(world).facets(tenant.principal, base, "tags", None, 1))[0].count == 3
    with pytest.raises(BadInput):
        await service(world).facets(tenant.principal, base, "undeclared", None, 10)


async def test_scopes_are_required_and_others_see_nothing(world: World, tenant: Tenant) -> None:
    reader = make_principal(tenant.workspace.id, ApiScope.READ)
    writer = make_principal(tenant.workspace.id, ApiScope.WRITE)
    base = tenant.knowledge_base.id
    acts: list[Awaitable[object]] = [
        service(world).create(reader, CreateKnowledgeBase(name="x")),
        service(world).update(reader, UpdateKnowledgeBase(id=base)),
        service(world).get_many(writer, [base]),
        service(world).page(writer, PageRequest(limit=1), KnowledgeBaseOrder()),
        service(world).facets(writer, base, "tags", None, 1),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            await act
    stranger = (await add_tenant(world.database, name="Other")).principal
    assert await service(world).get_many(stranger, [base]) == []
    with pytest.raises(NotFound):
        await service(world).update(stranger, UpdateKnowledgeBase(id=base, name="mine"))
    page = await service(world).page(tenant.principal, PageRequest(limit=5), KnowledgeBaseOrder())
    assert page.items == (tenant.knowledge_base,)
