"""Reading what documents hold."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from lorebase.core.errors import Forbidden, NotFound
from lorebase.core.ids import new_id
from lorebase.schemas.pagination import PageRequest
from lorebase.schemas.workspaces import ApiScope
from lorebase.services.documents.document_contents import ContentService
from tests.factories import Tenant, add_tenant, make_principal
from tests.fakes.world import World

BODY = "# Lighthouses\n\n" + " ".join(f"Lamp {n} burns on a cliff by the sea." for n in range(30))


def contents(world: World) -> ContentService:
    return ContentService(units=world.units, blobs=world.blobs)


async def test_versions_passages_and_text_can_be_read(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, "Old.", external_id="x")
    await world.run_all()
    await world.upsert(tenant, BODY, external_id="x")
    await world.run_all()
    service, principal = contents(world), tenant.principal
    page = await service.version_page(principal, accepted.document.id, PageRequest(limit=5))
    assert [version.number for version in page.items] == [2, 1]
    assert await service.count_versions(principal, accepted.document.id) == 2
    newest = page.items[0]
    assert await service.versions(principal, [newest.id]) == [newest]
    passages = (await service.chunk_page(principal, newest.id, PageRequest(limit=100))).items
    assert await service.count_chunks(principal, newest.id) == len(passages) > 3
    assert await service.chunks(principal, [passages[2].id]) == [passages[2]]
    around = await service.neighbours(principal, [(newest.id, 2)], 1)
    assert around == {(newest.id, 2): [passages[1], passages[3]]}
    spans = [(newest.id, p.start_offset, p.end_offset) for p in passages]
    assert await service.texts(principal, spans) == [p.text for p in passages]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
async def test_first_pages_of_many_documents_are_what_each_page_would_be(
    world: World, tenant: Tenant, limit: int
) -> None:
    ids = []
    for name, count in (("a", 3), ("b", 1)):
        for number in range(count):
            accepted = await world.upsert(tenant, f"Text {number} of {name}.", external_id=name)
            await world.run_all()
        ids.append(accepted.document.id)
    await world.documents.delete(tenant.principal, (await world.upsert(tenant, "Gone.")).document.id)
    service, unknown = contents(world), new_id()
    pages = await service.first_version_pages(tenant.principal, [*ids, unknown], limit)
    for document_id in (*ids, unknown):
        alone = await service.version_page(tenant.principal, document_id, PageRequest(limit=limit))
        page = pages[document_id]
        assert (page.items, page.has_next, page.has_previous) == (alone.items, alone.has_next, False)
        assert [place.id for place in page.positions] == [place.id for place in alone.positions]


async def test_a_source_comes_back_byte_for_byte(world: World, tenant: Tenant) -> None:
    await world.upsert(tenant, BODY)
    [version] = world.database.state.versions.values()
    found, content = await contents(world).download(tenant.workspace.id, version.id)
    assert found == version
    assert b"".join([piece async for piece in content]) == BODY.encode()


async def test_nothing_of_a_deleted_document_can_be_read(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    [version] = world.database.state.versions.values()
    [chunk, *_] = await world.searchable(tenant, accepted.document.id)
    await world.documents.delete(tenant.principal, accepted.document.id)
    service = contents(world)
    assert await service.versions(tenant.principal, [version.id]) == []
    assert await service.chunks(tenant.principal, [chunk.id]) == []
    with pytest.raises(NotFound):
        await service.download(tenant.workspace.id, version.id)


async def test_another_tenant_reads_nothing(world: World, tenant: Tenant) -> None:
    accepted = await world.upsert(tenant, BODY)
    await world.run_all()
    other = await add_tenant(world.database, name="Other")
    [version] = world.database.state.versions.values()
    service = contents(world)
    assert await service.versions(other.principal, [version.id]) == []
    assert await service.texts(other.principal, [(version.id, 0, 5)]) == [None]
    assert (await service.chunk_page(other.principal, version.id, PageRequest(limit=5))).items == ()
    pages = await service.version_page(other.principal, accepted.document.id, PageRequest(limit=5))
    assert pages.items == ()
    with pytest.raises(NotFound):
        await service.download(other.workspace.id, version.id)


async def test_reading_needs_the_scope(world: World, tenant: Tenant) -> None:
    writer, service = make_principal(tenant.workspace.id, ApiScope.WRITE), contents(world)
    acts: list[Awaitable[object]] = [
        service.versions(writer, []),
        service.version_page(writer, new_id(), PageRequest(limit=1)),
        service.count_versions(writer, new_id()),
        service.chunks(writer, []),
        service.chunk_page(writer, new_id(), PageRequest(limit=1)),
        service.count_chunks(writer, new_id()),
        service.neighbours(writer, [], 1),
        service.texts(writer, []),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            await act
