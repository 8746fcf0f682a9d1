"""What a search needs to know before it starts, read in one short transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import NotFound
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.filters import SearchFilter
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.schemas.search import PartitionAddress, SearchRequest
from lorebase.schemas.workspaces import Workspace
from lorebase.services.filters.filter_rules import validate
from lorebase.services.indexes.keyword_places import keyword_address

# Beyond it a list of ids costs more than the filter that it stands for.
DOCUMENT_IDS_MAXIMUM = 2000


@dataclass(frozen=True)
class VectorSource:
    """One model, where the tenant's vectors of it are, and the knowledge bases that use it."""

    model: EmbeddingModel
    address: PartitionAddress
    knowledge_base_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class KeywordSource:
    """One analyser version, where the tenant's weights of it are, and the knowledge bases that use it."""

    analyser_version: int
    address: PartitionAddress
    knowledge_base_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class SearchPlan:
    """Where to search. `document_ids` are all documents that may match, None when they are too many to name.

    `leg_filter` is what is left of the filter for the vector leg, besides those documents.
    """

    workspace_id: UUID
    knowledge_base_ids: tuple[UUID, ...]
    index_ids: tuple[UUID, ...]
    keyword_sources: tuple[KeywordSource, ...]
    sources: tuple[VectorSource, ...]
    document_ids: tuple[UUID, ...] | None
    leg_filter: SearchFilter | None

    @property
    def analyser_versions(self) -> tuple[int, ...]:
        """The versions that a query's words are to be made by."""
        return tuple(source.analyser_version for source in self.keyword_sources)

    @property
    def filters_late(self) -> bool:
        """Whether something of the filter is left for after the legs."""
        return self.leg_filter is not None


async def read_plan(
    uow: UnitOfWork, request: SearchRequest, settings: Settings, index_id: UUID | None = None
) -> SearchPlan:
    """Reads knowledge bases, their active indexes, the partition and the documents that the filter allows.

    `index_id` stands in for the active index of the only knowledge base.

    NotFound when a knowledge base does not exist here; BadInput for a filter that breaks a rule.
    """
    ids = tuple(dict.fromkeys(request.knowledge_base_ids))
    found = {base.id: base for base in await uow.knowledge_bases.get_many(ids)}
    if len(found) != len(ids):
        raise NotFound("There is no such knowledge base.", field=["knowledgeBaseIds"])
    bases = [_with_index(found[knowledge_base_id], index_id) for knowledge_base_id in ids]
    if request.filter is not None:
        validate(request.filter, [field for base in bases for field in base.metadata_fields], settings)
    indexes = await uow.embeddings.get_indexes([base.active_index_id for base in bases])
    workspace = await uow.workspaces.get()
    document_ids = await _document_ids(uow, ids, request.filter)
    return SearchPlan(
        workspace_id=workspace.id,
        knowledge_base_ids=ids,
        index_ids=tuple(base.active_index_id for base in bases),
        keyword_sources=_keyword_sources(bases, indexes, workspace),
        sources=_sources(bases, indexes, workspace.partition),
        document_ids=document_ids,
        leg_filter=request.filter if document_ids is None else without_documents(request.filter),
    )


def _with_index(base: KnowledgeBase, index_id: UUID | None) -> KnowledgeBase:
    return base if index_id is None else base.model_copy(update={"active_index_id": index_id})


async def _document_ids(
    uow: UnitOfWork, knowledge_base_ids: Sequence[UUID], given: SearchFilter | None
) -> tuple[UUID, ...] | None:
    if given is None or not _names_documents(given):
        return None
    ids = await uow.documents.matching_ids(knowledge_base_ids, given, DOCUMENT_IDS_MAXIMUM + 1)
    return None if len(ids) > DOCUMENT_IDS_MAXIMUM else tuple(ids)


def _names_documents(given: SearchFilter) -> bool:
    nested = [*(given.and_ or ()), *(given.or_ or ()), *([given.not_] if given.not_ else [])]
    return given.document is not None or any(map(_names_documents, nested))


def without_documents(given: SearchFilter | None) -> SearchFilter | None:
    """The filter without conditions on documents that must hold anyway; those below `or` and `not` stay."""
    if given is None:
        return None
    parts = [part for part in map(without_documents, given.and_ or ()) if part is not None]
    rest = given.model_copy(update={"document": None, "and_": tuple(parts) or None})
    return None if rest == SearchFilter() else rest


def _keyword_sources(
    bases: Sequence[KnowledgeBase], indexes: Sequence[EmbeddingIndex], workspace: Workspace
) -> tuple[KeywordSource, ...]:
    versions = {index.id: index.analyser_version for index in indexes}
    grouped: dict[int, list[UUID]] = {}
    for base in bases:
        grouped.setdefault(versions[base.active_index_id], []).append(base.id)
    return tuple(
        KeywordSource(version, keyword_address(workspace, version), tuple(ids))
        for version, ids in sorted(grouped.items())
    )


def _sources(
    bases: Sequence[KnowledgeBase], indexes: Sequence[EmbeddingIndex], partition: str
) -> tuple[VectorSource, ...]:
    models = {index.id: index.model for index in indexes}
    grouped: dict[UUID, list[KnowledgeBase]] = {}
    for base in bases:
        grouped.setdefault(models[base.active_index_id].id, []).append(base)
    return tuple(
        VectorSource(
            model=models[group[0].active_index_id],
            address=PartitionAddress(
                collection=models[group[0].active_index_id].collection,
                partition=partition,
                workspace_id=group[0].workspace_id,
            ),
            knowledge_base_ids=tuple(base.id for base in group),
        )
        for group in grouped.values()
    )
