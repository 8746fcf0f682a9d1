"""Knowledge bases of the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, Row, Select, insert, select, update

from lorebase.core.errors import Conflict, NotFound
from lorebase.models.embeddings import embedding_indexes
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.facets import read_facets
from lorebase.repositories.sql.pagination import TEXT, TIME, Keyset, read_page
from lorebase.repositories.sql.search_keys import sort_key
from lorebase.repositories.sql.statistics import read_statistics
from lorebase.repositories.sql.values import CLOCK, build, columns_of, is_one_of
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.filters import DocumentFilter
from lorebase.schemas.knowledge_bases import (
    FacetValue,
    KnowledgeBase,
    KnowledgeBaseOrder,
    KnowledgeBaseOrderField,
    KnowledgeBaseStats,
    OrderDirection,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.parsing import ChunkingRules

_COLUMNS = (
    *columns_of(knowledge_bases, KnowledgeBase),
    knowledge_bases.c.chunk_max_tokens,
    knowledge_bases.c.chunk_overlap_tokens,
)
IS_KEPT = knowledge_bases.c.deleted_at.is_(None)

_ORDERS = {
    KnowledgeBaseOrderField.CREATED_AT: (knowledge_bases.c.created_at, TIME),
    KnowledgeBaseOrderField.NAME: (knowledge_bases.c.name_sort, TEXT),
}


class SqlKnowledgeBaseRepository:
    """See ports/knowledge_bases.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add(
        self, knowledge_base: KnowledgeBase, model_id: UUID, analyser_version: int = FIRST_ANALYSER
    ) -> KnowledgeBase:
        """Adds it with its first, active index (id `active_index_id`). Conflict when the slug is taken."""
        try:
            row = await self._database.first(
                insert(knowledge_bases).values(_row(knowledge_base)).returning(*_COLUMNS)
            )
        except Conflict as error:
            raise Conflict("There is a knowledge base with this slug already.", field=["slug"]) from error
        await self._database.change(
            insert(embedding_indexes).values(
                workspace_id=self._workspace_id,
                id=knowledge_base.active_index_id,
                knowledge_base_id=knowledge_base.id,
                model_id=model_id,
                analyser_version=analyser_version,
                progress=1.0,
                activated_at=knowledge_base.created_at,
                created_at=knowledge_base.created_at,
                updated_at=knowledge_base.created_at,
            )
        )
        assert row is not None
        return _knowledge_base(row)

    async def get(self, knowledge_base_id: UUID, *, hold: bool = False) -> KnowledgeBase:
        """One by id, or NotFound; `hold` keeps it from being deleted until the transaction ends."""
        one = _there().where(knowledge_bases.c.id == knowledge_base_id)
        return _found(await self._all(one.with_for_update(read=True, key_share=True) if hold else one))

    async def get_many(self, ids: Sequence[UUID]) -> list[KnowledgeBase]:
        """Those that exist, in any order."""
        return await self._all(_there().where(is_one_of(knowledge_bases.c.id, ids)))

    async def by_slug(self, slug: str) -> KnowledgeBase | None:
        """One by slug."""
        found = await self._all(_there().where(knowledge_bases.c.slug == slug))
        return found[0] if found else None

    async def _all(self, statement: Executable) -> list[KnowledgeBase]:
        return [_knowledge_base(row) for row in await self._database.rows(statement)]

    async def page(self, page: PageRequest, order: KnowledgeBaseOrder) -> Page[KnowledgeBase]:
        """Knowledge bases in order."""
        column, sort_type = _ORDERS[order.field]
        descending = order.direction is OrderDirection.DESC
        keyset = Keyset(column, knowledge_bases.c.id, sort_type, descending)
        return await read_page(self._database, _there(), keyset, page, _knowledge_base)

    async def count(self) -> int:
        """Their number, capped."""
        return await self._database.count(select(knowledge_bases.c.id).where(IS_KEPT))

    async def update(self, change: UpdateKnowledgeBase) -> KnowledgeBase:
        """Applies the given fields. NotFound; Conflict unless at `expected_version` when that is given."""
        one = knowledge_bases.c.id == change.id
        locked = select(knowledge_bases.c.version).where(one, IS_KEPT).with_for_update(key_share=True)
        row = await self._database.first(locked)
        if row is None:
            raise NotFound("There is no such knowledge base.")
        if change.expected_version not in {None, row.version}:
            raise Conflict(
                f"The knowledge base changed meanwhile: it is at version {row.version}.",
                field=["expectedVersion"],
                details={"version": row.version},
            )
        values = {**_changes(change), "version": row.version + 1, "updated_at": CLOCK}
        return _found(await self._all(update(knowledge_bases).where(one).values(values).returning(*_COLUMNS)))

    async def stats(self, ids: Sequence[UUID]) -> Mapping[UUID, KnowledgeBaseStats]:
        """Counts of live documents, their live chunks and the bytes of their current versions."""
        return await read_statistics(self._database, ids)

    async def facets(
        self, knowledge_base: KnowledgeBase, path: str, condition: DocumentFilter | None, first: int
    ) -> list[FacetValue]:
        """The most frequent values of a declared path or of `mediaType`, `language`, `tags`."""
        return await read_facets(self._database, knowledge_base, path, condition, first)


def _there() -> Select[Any]:
    return select(*_COLUMNS).where(IS_KEPT)


def _found(found: list[KnowledgeBase]) -> KnowledgeBase:
    if not found:
        raise NotFound("There is no such knowledge base.")
    return found[0]


def _row(knowledge_base: KnowledgeBase) -> dict[str, Any]:
    plain = knowledge_base.model_dump(exclude={"chunking", "metadata_fields"})
    return {
        **plain,
        "name_sort": sort_key(knowledge_base.name),
        "chunk_max_tokens": knowledge_base.chunking.max_tokens,
        "chunk_overlap_tokens": knowledge_base.chunking.overlap_tokens,
        "metadata_fields": knowledge_base.model_dump(mode="json")["metadata_fields"],
    }


def _changes(change: UpdateKnowledgeBase) -> dict[str, Any]:
    given = change.model_dump(
        mode="json", include={"name", "description", "metadata_fields"} & change.model_fields_set
    )
    if given.get("name") is None:
        given.pop("name", None)
    else:
        given["name_sort"] = sort_key(given["name"])
    if "metadata_fields" in given:
        given["metadata_fields"] = given["metadata_fields"] or []
    return given


def _knowledge_base(row: Row[Any]) -> KnowledgeBase:
    rules = ChunkingRules(max_tokens=row.chunk_max_tokens, overlap_tokens=row.chunk_overlap_tokens)
    return build(KnowledgeBase, row, chunking=rules)
