"""Documents in PostgreSQL."""

from __future__ import annotations

from uuid import UUID

import pytest

from lorebase.core.errors import BadInput, NotFound
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import (
    Document,
    DocumentOrder,
    DocumentOrderField,
    DocumentStatus,
)
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import PageRequest
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Tenant, add_live, document, version

Units = SqlUnitOfWorkFactory
STATES = DocumentStatus


async def add(units: Units, tenant: Tenant, **fields: object) -> Document:
    new = document(tenant, **fields)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.documents.add(new)
        await uow.commit()
    return new


async def read(units: Units, tenant: Tenant, document_id: UUID) -> Document:
    async with units.for_workspace(tenant.workspace_id) as uow:
        return await uow.documents.get(document_id)


async def test_a_document_comes_back_as_it_was_added(units: Units, tenant: Tenant) -> None:
    metadata = {"a": {"b": [1, 2.5, None, True, "ß"]}, "c": "é"}
    new = await add(
        units, tenant, title="Straße", external_id="x/1", language="de", tags=("b", "a"), metadata=metadata
    )
    assert await read(units, tenant, new.id) == new


async def test_an_external_id_is_taken_once_in_a_knowledge_base(units: Units, tenant: Tenant) -> None:
    first = await add(units, tenant, external_id="same")
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert not await uow.documents.add(document(tenant, external_id="same"))
        found = await uow.documents.by_external_id(tenant.knowledge_base_id, "same")
    assert found == first


async def test_documents_without_an_external_id_never_collide(units: Units, tenant: Tenant) -> None:
    await add(units, tenant)
    await add(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.documents.count(tenant.knowledge_base_id, None) == 2


async def test_a_deleted_document_frees_its_external_id_and_is_gone(units: Units, tenant: Tenant) -> None:
    first = await add(units, tenant, external_id="same")
    async with units.for_workspace(tenant.workspace_id) as uow:
        tombstone = await uow.documents.mark_deleting(first.id)
        await uow.commit()
    assert (tombstone.status, tombstone.generation, tombstone.live_generation) == (STATES.DELETING, 2, None)
    again = await add(units, tenant, external_id="same")
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert await uow.documents.get_many([first.id]) == []
        assert await uow.documents.by_external_id(tenant.knowledge_base_id, "same") == again
        assert await uow.documents.count(tenant.knowledge_base_id, None) == 1
        with pytest.raises(NotFound):
            await uow.documents.mark_deleting(first.id)
        with pytest.raises(NotFound):
            await uow.documents.save(first)


async def test_a_document_of_an_unknown_knowledge_base_is_refused(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(NotFound):
            await uow.documents.add(document(tenant, knowledge_base_id=new_id()))


async def test_saving_grows_the_version_and_touches_the_time(units: Units, tenant: Tenant) -> None:
    new = await add(units, tenant, external_id="mine")
    async with units.for_workspace(tenant.workspace_id) as uow:
        changed = new.model_copy(
            update={"title": "Other", "tags": ("t",), "metadata": {"k": 1}, "generation": 2}
        )
        saved = await uow.documents.save(changed.model_copy(update={"external_id": "other"}))
        await uow.commit()
    assert saved == changed.model_copy(update={"version": 2, "updated_at": saved.updated_at})
    assert saved.updated_at > new.updated_at
    assert await read(units, tenant, new.id) == saved


async def test_a_status_changes_only_from_an_expected_one_in_the_current_generation(
    units: Units, tenant: Tenant
) -> None:
    new = await add(units, tenant)
    accepted = frozenset({STATES.ACCEPTED})
    async with units.for_workspace(tenant.workspace_id) as uow:
        assert not await uow.documents.set_status(new.id, 2, STATES.PROCESSING, expected=accepted)
        assert await uow.documents.set_status(new.id, 1, STATES.PROCESSING, expected=accepted)
        assert not await uow.documents.set_status(new.id, 1, STATES.FAILED, expected=accepted)
        now = await uow.documents.get(new.id)
    assert (now.status, now.version) == (STATES.PROCESSING, 1)


async def test_going_live_sets_everything_that_search_reads(units: Units, tenant: Tenant) -> None:
    new = await add(units, tenant, language="de")
    first = version(new)
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.versions.add(first)
        assert not await uow.documents.make_live(new.id, 2, first.id, "en")
        assert await uow.documents.make_live(new.id, 1, first.id, None)
        now = await uow.documents.get(new.id)
        assert (now.status, now.live_generation, now.current_version_id) == (STATES.READY, 1, first.id)
        assert now.language == "de"
        await uow.documents.make_live(new.id, 1, first.id, "en")
        assert (await uow.documents.get(new.id)).language == "en"
        await uow.commit()


async def test_a_version_of_another_document_cannot_go_live(units: Units, tenant: Tenant) -> None:
    one, other = await add(units, tenant), await add(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        foreign = version(other)
        await uow.versions.add(foreign)
        await uow.documents.make_live(one.id, 1, foreign.id, None)
        with pytest.raises(NotFound):
            await uow.commit()
    assert (await read(units, tenant, one.id)).live_generation is None


async def test_a_title_is_found_only_for_an_untitled_document(units: Units, tenant: Tenant) -> None:
    untitled, titled = await add(units, tenant, title=""), await add(units, tenant, title="Mine")
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.documents.set_title_if_untitled(untitled.id, 2, "Too late")
        assert (await uow.documents.get(untitled.id)).title == ""
        for one in (untitled, titled):
            await uow.documents.set_title_if_untitled(one.id, 1, "Found")
        found = {one.id: one.title for one in await uow.documents.get_many([untitled.id, titled.id])}
    assert found == {untitled.id: "Found", titled.id: "Mine"}


async def test_after_a_deletion_only_the_tombstone_stays(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, title="Secret", external_id="s", metadata={"s": 1}, tags=("s",))
        await uow.versions.set_text(live.version.id, "secret")
        kept = await add_live(uow, tenant)
        await uow.documents.mark_deleting(live.document.id)
        assert await uow.versions.blob_keys(live.document.id) == [live.version.blob_key]
        await uow.versions.remove_all(live.document.id)
        assert await uow.versions.blob_keys(live.document.id) == [live.version.blob_key]
        await uow.documents.mark_deleted(live.document.id)
        assert await uow.versions.blob_keys(live.document.id) == []
        await uow.commit()
    owner = await connect(database.owner)
    try:
        row = await owner.fetchrow("SELECT * FROM documents WHERE id = $1", live.document.id)
        assert (row["status"], row["title"], row["title_key"], row["external_id"]) == (
            "DELETED",
            "",
            "",
            None,
        )
        assert (row["tags"], row["metadata"], row["metadata_leaves"]) == ([], "{}", "{}")
        for table in ("document_versions", "chunks", "index_documents", "blobs"):
            left = await owner.fetch(f"SELECT DISTINCT document_id FROM {table}")
            assert [row["document_id"] for row in left] == [kept.document.id], table
        assert await owner.fetchval("SELECT count(*) FROM version_texts") == 0
    finally:
        await owner.close()


async def test_removing_versions_of_a_document_that_is_not_deleted_removes_nothing(
    units: Units, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        await uow.versions.remove_all(live.document.id)
        await uow.documents.mark_deleted(live.document.id)
        assert await uow.versions.get_many([live.version.id]) == [live.version]
        assert await uow.chunks.count(live.version.id) == 2


async def test_a_receipt_follows_the_deletion_to_a_verified_zero(units: Units, tenant: Tenant) -> None:
    new = await add(units, tenant)
    async with units.for_workspace(tenant.workspace_id) as uow:
        opened = await uow.documents.add_receipt(new_id(), new.id, 12)
        assert (opened.vectors_remaining, opened.completed_at) == (12, None)
        await uow.documents.update_receipt(new.id, 3, completed=False)
        assert [r.vectors_remaining for r in await uow.documents.get_receipts([opened.id])] == [3]
        await uow.documents.update_receipt(new.id, 0, completed=True)
        (closed,) = await uow.documents.get_receipts([opened.id])
    assert closed.vectors_remaining == 0
    assert closed.completed_at is not None
    assert closed.completed_at >= opened.requested_at


@pytest.mark.parametrize("field", list(DocumentOrderField))
@pytest.mark.parametrize("direction", list(OrderDirection))
async def test_every_order_lists_every_document(
    units: Units, tenant: Tenant, field: DocumentOrderField, direction: OrderDirection
) -> None:
    made = [await add(units, tenant, title=title) for title in ("b", "A", "a", "C")]
    async with units.for_workspace(tenant.workspace_id) as uow:
        order = DocumentOrder(field=field, direction=direction)
        page = await uow.documents.page(tenant.knowledge_base_id, PageRequest(limit=10), order, None)
    keys = {
        DocumentOrderField.TITLE: lambda one: (one.title.casefold(), one.id),
        DocumentOrderField.CREATED_AT: lambda one: (one.created_at, one.id),
        DocumentOrderField.UPDATED_AT: lambda one: (one.updated_at, one.id),
    }
    expected = sorted(made, key=keys[field], reverse=direction is OrderDirection.DESC)
    assert [one.id for one in page.items] == [one.id for one in expected]


@pytest.mark.parametrize("broken", ["\x00", "\ud800"])
async def test_text_that_cannot_be_stored_is_refused_by_name(
    units: Units, tenant: Tenant, broken: str
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        with pytest.raises(BadInput) as refused:
            await uow.documents.add(document(tenant, title=broken))
    assert refused.value.code == "INVALID_TEXT"
    assert broken not in str(refused.value)
