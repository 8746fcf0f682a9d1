"""Knowledge bases in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from lorebase.core.errors import Conflict, NotFound
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.documents import Document
from lorebase.schemas.embeddings import EmbeddingIndex
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
from lorebase.schemas.metadata import value_at
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.services.filters.filter_evaluation import matches_document
from tests.fakes.memory.documents import TOMBSTONES
from tests.fakes.memory.paging import Place, keyset_page, time_value
from tests.fakes.memory.state import CAP, State, in_any_order

_CHANGEABLE = ("name", "description", "metadata_fields")


class MemoryKnowledgeBases:
    """See ports/knowledge_bases.py."""

    def __init__(self, state: State, workspace_id: UUID, now: datetime) -> None:
        self._state = state
        self._workspace_id = workspace_id
        self._now = now

    async def add(
        self, knowledge_base: KnowledgeBase, model_id: UUID, analyser_version: int = FIRST_ANALYSER
    ) -> KnowledgeBase:
        if knowledge_base.workspace_id != self._workspace_id:
            raise AssertionError("row-level security: a row of another workspace")
        if any(held.slug == knowledge_base.slug for held in self._all()):
            raise Conflict("The slug is taken.", field=["slug"])
        self._state.knowledge_bases[knowledge_base.id] = knowledge_base
        self._state.indexes[knowledge_base.active_index_id] = EmbeddingIndex(
            id=knowledge_base.active_index_id,
            workspace_id=self._workspace_id,
            knowledge_base_id=knowledge_base.id,
            model=self._state.models[model_id],
            analyser_version=analyser_version,
            job_id=None,
            chunk_count=0,
            document_count=0,
            progress=1.0,
            completed_at=self._now,
            activated_at=self._now,
            created_at=self._now,
            updated_at=self._now,
        )
        return knowledge_base

    async def get(self, knowledge_base_id: UUID, *, hold: bool = False) -> KnowledgeBase:
        for held in self._all():
            if held.id == knowledge_base_id:
                return held
        raise NotFound("There is no such knowledge base.")

    async def get_many(self, ids: Sequence[UUID]) -> list[KnowledgeBase]:
        mine = {held.id: held for held in self._all()}
        return [mine[one] for one in in_any_order(ids) if one in mine]

    async def by_slug(self, slug: str) -> KnowledgeBase | None:
        return next((held for held in self._all() if held.slug == slug), None)

    async def page(self, page: PageRequest, order: KnowledgeBaseOrder) -> Page[KnowledgeBase]:
        def place(held: KnowledgeBase) -> Place:
            by_name = order.field is KnowledgeBaseOrderField.NAME
            return (held.name.casefold() if by_name else time_value(held.created_at)), held.id

        return keyset_page(self._all(), place, page, descending=order.direction is OrderDirection.DESC)

    async def count(self) -> int:
        return min(CAP, len(self._all()))

    async def update(self, change: UpdateKnowledgeBase) -> KnowledgeBase:
        held = await self.get(change.id)
        if change.expected_version is not None and change.expected_version != held.version:
            raise Conflict("The knowledge base changed meanwhile.")
        given = {name: getattr(change, name) for name in _CHANGEABLE if name in change.model_fields_set}
        grown = {"version": held.version + 1, "updated_at": self._now}
        changed = held.model_copy(update={**given, **grown})
        self._state.knowledge_bases[held.id] = changed
        return changed

    async def stats(self, ids: Sequence[UUID]) -> Mapping[UUID, KnowledgeBaseStats]:
        return {held.id: self._stats(held.id) for held in await self.get_many(ids)}

    def _stats(self, knowledge_base_id: UUID) -> KnowledgeBaseStats:
        live = [d for d in self._documents(knowledge_base_id, None) if d.current_version_id is not None]
        versions = [d.current_version_id for d in live if d.current_version_id is not None]
        return KnowledgeBaseStats(
            document_count=len(live),
            chunk_count=sum(len(self._state.chunks.get(version, ())) for version in versions),
            storage_bytes=sum(self._state.versions[version].byte_size for version in versions),
        )

    async def facets(
        self, knowledge_base: KnowledgeBase, path: str, condition: DocumentFilter | None, first: int
    ) -> list[FacetValue]:
        counts: Counter[str] = Counter()
        for document in self._documents(knowledge_base.id, condition):
            counts.update(set(_values(document, path)))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [FacetValue(value=value, count=count) for value, count in ranked[:first]]

    def _documents(self, knowledge_base_id: UUID, condition: DocumentFilter | None) -> list[Document]:
        return [
            document
            for document in self._state.documents.values()
            if document.workspace_id == self._workspace_id
            and document.knowledge_base_id == knowledge_base_id
            and document.status not in TOMBSTONES
            and document.knowledge_base_id not in self._state.deleted_bases
            and (condition is None or matches_document(condition, document))
        ]

    def _all(self) -> list[KnowledgeBase]:
        return [
            held
            for held in self._state.knowledge_bases.values()
            if held.workspace_id == self._workspace_id and held.id not in self._state.deleted_bases
        ]


def _values(document: Document, path: str) -> list[str]:
    built_in = {"mediaType": document.media_type, "language": document.language, "tags": list(document.tags)}
    value = built_in[path] if path in built_in else value_at(document.metadata, path)
    if value is None:
        return []
    return [str(member) for member in value] if isinstance(value, list) else [str(value)]
