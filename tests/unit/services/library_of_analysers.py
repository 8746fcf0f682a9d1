"""A knowledge base whose words two analysers may make, what happens to it, and what is seen of it."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from lorebase.schemas.documents import UpdateDocument
from lorebase.schemas.search import SearchMode
from tests.factories import Tenant
from tests.fakes.world import World
from tests.unit.services.library_changes import upload_again, upload_new
from tests.unit.services.library_of_indexes import Library


def offering_kw2(world: World, tenant: Tenant) -> Library:
    library = Library(world, tenant)
    library.add_analyser()
    return library


async def versions(library: Library) -> list[int]:
    """The analysers of the indexes, that of the active one first."""
    return [index.analyser_version for index in await library.indexes()]


async def found(library: Library, query: str, *base_ids: UUID) -> set[str]:
    """External ids of what the words alone find."""
    hits = (await library.search(query, *base_ids, mode=SearchMode.KEYWORD)).hits
    return {str(library.world.document(hit.document_id).external_id) for hit in hits}


async def rows_by_collection(library: Library) -> Counter[str]:
    return Counter(
        {name: len(rows) for (name, _), rows in library.world.index.partitions.items() if len(rows)}
    )


async def rename(library: Library) -> None:
    known = await library.world.documents.by_external_id(library.tenant.principal, library.base_id, "1")
    assert known is not None
    title = "Renamed again" if known.title == "Renamed" else "Renamed"
    await library.world.documents.update(library.tenant.principal, UpdateDocument(id=known.id, title=title))
    await library.world.run_all()


async def delete(library: Library) -> None:
    known = await library.world.documents.by_external_id(library.tenant.principal, library.base_id, "2")
    if known is not None:
        await library.world.documents.delete(library.tenant.principal, known.id)
        await library.world.run_all()


# Unlike those of library_changes, each of these may happen more than once.
CHANGES = [upload_new, upload_again, rename, delete]


async def retire(library: Library, index_id: UUID) -> None:
    """Gives an index up and waits until nothing of it is left."""
    await library.world.indexes.delete(library.tenant.principal, index_id)
    library.world.clock.advance(library.world.settings.request_timeout_seconds)
    await library.world.run_all()
