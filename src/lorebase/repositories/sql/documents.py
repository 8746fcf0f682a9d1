"""Documents of the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, Update, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from lorebase.core.errors import NotFound
from lorebase.models.documents import deletion_receipts, documents
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.document_removal import forget_document
from lorebase.repositories.sql.document_rows import (
    DOCUMENT_COLUMNS,
    IS_THERE,
    document_of,
    row_of,
    title_columns,
)
from lorebase.repositories.sql.filters import document_condition, possible_documents
from lorebase.repositories.sql.pagination import TEXT, TIME, Keyset, read_page
from lorebase.repositories.sql.receipt_rows import RECEIPT_COLUMNS, receipt_of
from lorebase.repositories.sql.values import CLOCK, is_one_of
from lorebase.schemas.documents import (
    DeletionReceipt,
    Document,
    DocumentOrder,
    DocumentOrderField,
    DocumentStatus,
)
from lorebase.schemas.filters import DocumentFilter, SearchFilter
from lorebase.schemas.knowledge_bases import OrderDirection
from lorebase.schemas.pagination import Page, PageRequest

_ORDERS = {
    DocumentOrderField.CREATED_AT: (documents.c.created_at, TIME),
    DocumentOrderField.TITLE: (documents.c.title_sort, TEXT),
    DocumentOrderField.UPDATED_AT: (documents.c.updated_at, TIME),
}
_UNCHANGEABLE = {
    "workspace_id",
    "id",
    "knowledge_base_id",
    "external_id",
    "version",
    "created_at",
    "updated_at",
}


class SqlDocumentRepository:
    """See ports/documents.py. What the pipeline changes (state, found title) leaves `version` alone."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add(self, document: Document) -> bool:
        """Adds it; False when the knowledge base already has a document with its external id."""
        return (
            await self._database.change(insert(documents).values(row_of(document)).on_conflict_do_nothing())
            == 1
        )

    async def get(self, document_id: UUID, *, lock: bool = False) -> Document:
        """One by id, or NotFound; `lock` keeps others from changing it until the transaction ends."""
        found = await self._all(_there().where(documents.c.id == document_id), lock=lock)
        if not found:
            raise NotFound("There is no such document.")
        return found[0]

    async def get_many(self, ids: Sequence[UUID]) -> list[Document]:
        """Those that exist, in any order."""
        return await self._all(_there().where(is_one_of(documents.c.id, ids)))

    async def by_external_id(
        self, knowledge_base_id: UUID, external_id: str, *, lock: bool = False
    ) -> Document | None:
        """One by the caller's own key."""
        statement = _there().where(
            documents.c.knowledge_base_id == knowledge_base_id, documents.c.external_id == external_id
        )
        found = await self._all(statement, lock=lock)
        return found[0] if found else None

    async def ids_by_external_id(
        self, knowledge_base_id: UUID, external_ids: Sequence[str]
    ) -> Mapping[str, UUID]:
        """The ids of those that exist, by the caller's own keys."""
        wanted = documents.c.external_id == any_(literal(list(external_ids), ARRAY(Text())))
        statement = select(documents.c.external_id, documents.c.id).where(
            IS_THERE, documents.c.knowledge_base_id == knowledge_base_id, wanted
        )
        return {row.external_id: row.id for row in await self._database.rows(statement)}

    async def _all(self, statement: Select[Any], *, lock: bool = False) -> list[Document]:
        # The lock of updates, not of deletions: rows may still be added that refer to the document.
        locked = statement.with_for_update(key_share=True) if lock else statement
        return [document_of(row) for row in await self._database.rows(locked)]

    async def page(
        self,
        knowledge_base_id: UUID,
        page: PageRequest,
        order: DocumentOrder,
        condition: DocumentFilter | None,
    ) -> Page[Document]:
        """Documents of a knowledge base that match, in order."""
        column, sort_type = _ORDERS[order.field]
        keyset = Keyset(column, documents.c.id, sort_type, order.direction is OrderDirection.DESC)
        statement = _matching(_there(), knowledge_base_id, condition)
        return await read_page(self._database, statement, keyset, page, document_of)

    async def count(self, knowledge_base_id: UUID, condition: DocumentFilter | None) -> int:
        """Their number, capped."""
        statement = select(documents.c.id).where(IS_THERE)
        return await self._database.count(_matching(statement, knowledge_base_id, condition))

    async def matching_ids(
        self, knowledge_base_ids: Sequence[UUID], condition: SearchFilter, limit: int
    ) -> list[UUID]:
        """Ids of searchable documents that could hold a matching chunk, at most `limit`."""
        statement = select(documents.c.id).where(
            IS_THERE,
            documents.c.live_generation.is_not(None),
            is_one_of(documents.c.knowledge_base_id, knowledge_base_ids),
            possible_documents(condition),
        )
        return [row.id for row in await self._database.rows(statement.limit(limit))]

    async def save(self, document: Document) -> Document:
        """Writes all changeable fields, grows `version` by one, touches `updated_at`; NotFound when gone."""
        values = {name: value for name, value in row_of(document).items() if name not in _UNCHANGEABLE}
        values |= {"version": documents.c.version + 1, "updated_at": CLOCK}
        return await self._changed(_update(document.id).values(values))

    async def set_status(
        self,
        document_id: UUID,
        generation: int,
        status: DocumentStatus,
        *,
        expected: frozenset[DocumentStatus],
    ) -> bool:
        """Changes the status while the generation is current and the status is an expected one."""
        statement = _update(document_id).where(
            documents.c.generation == generation, documents.c.status.in_(sorted(map(str, expected)))
        )
        return await self._database.change(statement.values(status=str(status), updated_at=CLOCK)) == 1

    async def make_live(
        self, document_id: UUID, generation: int, version_id: UUID, language: str | None
    ) -> bool:
        """Sets READY, live generation and current version; False when the generation is no longer current.

        A language of None leaves the one that is there.
        """
        statement = _update(document_id).where(documents.c.generation == generation)
        changed = await self._database.change(
            statement.values(
                status=str(DocumentStatus.READY),
                live_generation=generation,
                current_version_id=version_id,
                language=func.coalesce(literal(language, documents.c.language.type), documents.c.language),
                updated_at=CLOCK,
            )
        )
        return changed == 1

    async def set_title_if_untitled(self, document_id: UUID, generation: int, title: str) -> None:
        """Gives the title found in the source to a document that was accepted without one."""
        statement = _update(document_id).where(documents.c.generation == generation, documents.c.title == "")
        await self._database.change(statement.values(**title_columns(title), updated_at=CLOCK))

    async def mark_deleting(self, document_id: UUID) -> Document:
        """Tombstones it: DELETING, hidden, generation + 1, external id freed. NotFound when gone."""
        return await self._changed(
            _update(document_id).values(
                status=str(DocumentStatus.DELETING),
                live_generation=None,
                current_version_id=None,
                generation=documents.c.generation + 1,
                version=documents.c.version + 1,
                updated_at=CLOCK,
            )
        )

    async def _changed(self, statement: Update) -> Document:
        row = await self._database.first(statement.returning(*DOCUMENT_COLUMNS))
        if row is None:
            raise NotFound("There is no such document.")
        return document_of(row)

    async def mark_deleted(self, document_id: UUID) -> None:
        """Ends the deletion: only the tombstone stays, without anything that was known about the document."""
        await forget_document(self._database, document_id)

    async def add_receipt(
        self, receipt_id: UUID, document_id: UUID, vectors_remaining: int
    ) -> DeletionReceipt:
        """Opens the receipt of a deletion."""
        opened = insert(deletion_receipts).values(
            workspace_id=self._workspace_id,
            id=receipt_id,
            document_id=document_id,
            vectors_remaining=vectors_remaining,
        )
        row = await self._database.first(opened.returning(*RECEIPT_COLUMNS))
        assert row is not None
        return receipt_of(row)

    async def update_receipt(self, document_id: UUID, vectors_remaining: int, *, completed: bool) -> None:
        """Notes what remains, and the end."""
        first_end = func.coalesce(deletion_receipts.c.completed_at, CLOCK)
        values = {"vectors_remaining": vectors_remaining, "completed_at": first_end if completed else None}
        one = deletion_receipts.c.document_id == document_id
        await self._database.change(update(deletion_receipts).where(one).values(values))

    async def get_receipts(self, ids: Sequence[UUID]) -> list[DeletionReceipt]:
        """Those that exist, in any order."""
        statement = select(*RECEIPT_COLUMNS).where(is_one_of(deletion_receipts.c.id, ids))
        return [receipt_of(row) for row in await self._database.rows(statement)]


def _there() -> Select[Any]:
    return select(*DOCUMENT_COLUMNS).where(IS_THERE)


def _update(document_id: UUID) -> Update:
    return update(documents).where(documents.c.id == document_id, IS_THERE)


def _matching(
    statement: Select[Any], knowledge_base_id: UUID, condition: DocumentFilter | None
) -> Select[Any]:
    statement = statement.where(documents.c.knowledge_base_id == knowledge_base_id)
    return statement if condition is None else statement.where(document_condition(condition))
