"""What people do to the documents of a library while something else goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lorebase.schemas.documents import UpdateDocument
from tests.unit.services.library_of_indexes import Library

Change = Callable[[Library], Awaitable[None]]


async def upload_new(library: Library) -> None:
    await library.add("new")
    await library.world.run_all()


async def upload_again(library: Library) -> None:
    await library.add("0", "Other words altogether. " * 40)
    await library.world.run_all()


async def rename(library: Library) -> None:
    found = await library.world.documents.by_external_id(library.tenant.principal, library.base_id, "1")
    assert found is not None
    change = UpdateDocument(id=found.id, title="Renamed", tags=("new",))
    await library.world.documents.update(library.tenant.principal, change)
    await library.world.run_all()


async def delete(library: Library) -> None:
    found = await library.world.documents.by_external_id(library.tenant.principal, library.base_id, "2")
    assert found is not None
    await library.world.documents.delete(library.tenant.principal, found.id)
    await library.world.run_all()


async def queue_new(library: Library) -> None:
    """Accepted now, ingested when the reindex is over."""
    await library.add("waiting")


CHANGES: list[Change] = [upload_new, upload_again, rename, delete, queue_new]
