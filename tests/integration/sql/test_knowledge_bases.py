"""Knowledge bases, their counts and facets."""

from __future__ import annotations

import pytest

from lorebase.core.errors import BadInput, Conflict, NotFound
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.filters import DocumentFilter, StringListFilter
from lorebase.schemas.knowledge_bases import (
    FacetValue,
    KnowledgeBase,
    KnowledgeBaseOrder,
    KnowledgeBaseOrderField,
    KnowledgeBaseStats,
    MetadataField,
    MetadataFieldType,
    OrderDirection,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import PageRequest
from tests.integration.database import DatabaseUrls
from tests.integration.sql.factories import Tenant, add_live, document, knowledge_base, make_tenant, version

Units = SqlUnitOfWorkFactory
DECLARED = (
    MetadataField(path="team.name", type=MetadataFieldType.STRING),
    MetadataField(path="year", type=MetadataFieldType.NUMBER),
    MetadataField(path="draft", type=MetadataFieldType.BOOLEAN),
    MetadataField(path="topics", type=MetadataFieldType.STRING_LIST, required=True, description="What about"),
    MetadataField(path="on", type=MetadataFieldType.DATE_TIME),
)


async def test_a_knowledge_base_comes_back_as_it_was_added(units: Units, tenant: Tenant) -> None:
    base = knowledge_base(tenant.workspace_id, metadata_fields=DECLARED, description="All of it")
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.knowledge_bases.add(base, tenant.model.id) == base
        await uow.commit()
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.knowledge_bases.get(base.id) == base
        assert await uow.knowledge_bases.by_slug(base.slug) == base
        assert await uow.knowledge_bases.by_slug("nobody") is None
        assert await uow.knowledge_bases.count() == 2
        with pytest.raises(NotFound):
            await uow.knowledge_bases.get(new_id())


async def test_its_first_index_is_active(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        (index,) = await uow.embeddings.indexes_of(tenant.knowledge_base_id)
    assert (index.id, index.model, index.chunk_count) == (tenant.index_id, tenant.model, 0)
    assert (index.progress, index.activated_at) == (1.0, tenant.knowledge_base.created_at)


async def test_a_slug_is_taken_once_in_a_workspace(units: Units, tenant: Tenant, neighbour: Tenant) -> None:
    slug = tenant.knowledge_base.slug
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(Conflict) as refused:
            await uow.knowledge_bases.add(knowledge_base(tenant.workspace_id, slug=slug), tenant.model.id)
    assert refused.value.field == ["slug"]
    async with units.for_workspace(neighbour.workspace_id) as uow:
        base = knowledge_base(neighbour.workspace_id, slug=slug)
        assert (await uow.knowledge_bases.add(base, tenant.model.id)).slug == slug


async def test_an_update_changes_what_is_given_and_grows_the_version(units: Units, tenant: Tenant) -> None:
    base = tenant.knowledge_base
    async with units.for_workspace(tenant.workspace_id) as uow:
        renamed = await uow.knowledge_bases.update(UpdateKnowledgeBase(id=base.id, name="ÄPFEL"))
        expected = {"name": "ÄPFEL", "version": 2, "updated_at": renamed.updated_at}
        assert renamed == base.model_copy(update=expected)
        described = await uow.knowledge_bases.update(
            UpdateKnowledgeBase(
                id=base.id, description="Apples", metadata_fields=DECLARED, expected_version=2
            )
        )
        assert (described.description, described.metadata_fields) == ("Apples", DECLARED)
        cleared = await uow.knowledge_bases.update(UpdateKnowledgeBase(id=base.id, description=None))
    assert (cleared.description, cleared.name, cleared.version) == (None, "ÄPFEL", 4)


async def test_an_update_of_another_version_is_refused_and_changes_nothing(
    units: Units, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        change = UpdateKnowledgeBase(id=tenant.knowledge_base_id, name="Late", expected_version=7)
        with pytest.raises(Conflict) as refused:
            await uow.knowledge_bases.update(change)
        assert refused.value.details == {"version": 1}
        assert await uow.knowledge_bases.get(tenant.knowledge_base_id) == tenant.knowledge_base
        with pytest.raises(NotFound):
            await uow.knowledge_bases.update(UpdateKnowledgeBase(id=new_id(), name="Nobody"))


@pytest.mark.parametrize("field", list(KnowledgeBaseOrderField))
@pytest.mark.parametrize("direction", list(OrderDirection))
async def test_knowledge_bases_are_listed_in_order(
    units: Units, tenant: Tenant, field: KnowledgeBaseOrderField, direction: OrderDirection
) -> None:
    names = ("b", "A", "a", "Z", "é")
    bases = [knowledge_base(tenant.workspace_id, name=name) for name in names]
    async with units.for_workspace(tenant.workspace_id) as uow:
        for base in bases:
            await uow.knowledge_bases.add(base, tenant.model.id)
        order = KnowledgeBaseOrder(field=field, direction=direction)
        page = await uow.knowledge_bases.page(PageRequest(limit=10), order)

    def key(one: KnowledgeBase) -> object:
        by_name = field is KnowledgeBaseOrderField.NAME
        return (one.name.casefold() if by_name else one.created_at, one.id)

    listed = sorted([*bases, tenant.knowledge_base], key=key, reverse=direction is OrderDirection.DESC)
    assert list(page.items) == listed


async def test_counts_are_of_live_documents_in_the_active_index(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("a", "b", "c"))
        await add_live(uow, tenant, texts=("d",))
        await uow.documents.add(document(tenant))
        deleted = await add_live(uow, tenant)
        await uow.documents.mark_deleting(deleted.document.id)
        second = live.document.model_copy(update={"generation": 2, "status": DocumentStatus.PROCESSING})
        await uow.documents.save(second)
        await uow.versions.add(version(second, byte_size=5))
        other = new_id()
        stats = await uow.knowledge_bases.stats([tenant.knowledge_base_id, other])
    assert stats[tenant.knowledge_base_id] == KnowledgeBaseStats(
        document_count=2, chunk_count=4, storage_bytes=2000
    )
    assert stats[other] == KnowledgeBaseStats(document_count=0, chunk_count=0, storage_bytes=0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mediaType", [("text/plain", 3)]),
        ("language", [("en", 2)]),
        ("tags", [("a", 2), ("b", 1)]),
        ("team.name", [("Blue", 2)]),
        ("year", [("2024", 1), ("2025.5", 1)]),
        ("draft", [("true", 2), ("false", 1)]),
        ("topics", [("x", 2), ("y", 1)]),
        ("on", [("2026-01-01", 1)]),
    ],
)
async def test_facets_count_documents_by_value(
    units: Units, database: DatabaseUrls, path: str, expected: list[tuple[str, int]]
) -> None:
    tenant = await make_tenant(units, database, metadata_fields=DECLARED)
    described = [
        (("a", "b"), "en", {"team": {"name": "Blue"}, "year": 2024, "draft": True, "topics": ["x", "x"]}),
        (("a",), "en", {"team.name": "Blue", "year": 2025.5, "draft": False, "topics": ["x", "y"]}),
        ((), None, {"team": "Blue", "year": "2024", "draft": True, "on": "2026-01-01"}),
    ]
    async with units.for_workspace(tenant.workspace_id) as uow:
        for tags, language, metadata in described:
            await uow.documents.add(document(tenant, tags=tags, language=language, metadata=metadata))
        gone = document(tenant, tags=("a", "gone"), language="fr", media_type="text/gone")
        await uow.documents.add(gone)
        await uow.documents.mark_deleting(gone.id)
        found = await uow.knowledge_bases.facets(tenant.knowledge_base, path, None, 10)
        assert found == [FacetValue(value=value, count=count) for value, count in expected]
        assert await uow.knowledge_bases.facets(tenant.knowledge_base, path, None, 1) == found[:1]


async def test_facets_count_only_documents_that_match(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.add(document(tenant, tags=("a", "b")))
        await uow.documents.add(document(tenant, tags=("b", "c")))
        condition = DocumentFilter(tags=StringListFilter(has_any=("a",)))
        found = await uow.knowledge_bases.facets(tenant.knowledge_base, "tags", condition, 10)
        assert {one.value: one.count for one in found} == {"a": 1, "b": 1}
        with pytest.raises(BadInput):
            await uow.knowledge_bases.facets(tenant.knowledge_base, "undeclared", None, 10)
