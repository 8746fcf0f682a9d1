"""What is stored of a live document, as it is to be found by searches; nothing is parsed for it."""

from __future__ import annotations

from uuid import UUID

from lorebase.core.errors import NotFound, Permanent
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.documents import Document
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.services.indexes.index_content import IndexContent
from lorebase.services.indexes.indexed_fields import indexed_fields


async def live_content(
    uow: UnitOfWork, knowledge_base: KnowledgeBase, document_id: UUID
) -> IndexContent | None:
    """The searchable generation with its passages; None when there is none (any more)."""
    document = await _document(uow, document_id)
    if document is None or document.live_generation is None:
        return None
    version = await uow.versions.by_generation(document.id, document.live_generation)
    if version is None:
        raise Permanent("The text of a live document is missing.")
    return IndexContent(document, version, knowledge_base, await uow.chunks.of_version(version.id))


async def locked_if_live(uow: UnitOfWork, content: IndexContent) -> Document | None:
    """The document, locked, while this content is its searchable generation; None otherwise."""
    now = await _document(uow, content.document.id, lock=True)
    return now if now is not None and now.live_generation == content.version.generation else None


def says_the_same(now: Document, knowledge_base: KnowledgeBase, content: IndexContent) -> bool:
    """Whether rows made of the content still carry what the document says."""
    return indexed_fields(now, knowledge_base) == indexed_fields(content.document, content.knowledge_base)


async def _document(uow: UnitOfWork, document_id: UUID, *, lock: bool = False) -> Document | None:
    try:
        return await uow.documents.get(document_id, lock=lock)
    except NotFound:
        return None
