"""DataLoaders: many objects in one call of a service, fresh for every operation and stream event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import cached_property, partial
from typing import Protocol, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from lorebase.api.services import Services
from lorebase.schemas.answers import Answer, Conversation, Message
from lorebase.schemas.documents import Chunk, DeletionReceipt, Document, DocumentVersion
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.evaluations import EvaluationRun, EvaluationSet
from lorebase.schemas.jobs import Job, JobSubjectType
from lorebase.schemas.knowledge_bases import KnowledgeBase, KnowledgeBaseStats
from lorebase.schemas.pagination import Page
from lorebase.schemas.reindex_gates import GateOutcome
from lorebase.schemas.workspaces import ApiKey, Principal, Workspace

BATCH = 500


class Identified(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> UUID:
        """The object's id."""
        ...


Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")
Object = TypeVar("Object", bound=Identified)

Neighbourhood = tuple[UUID, int, int]
TextSlice = tuple[UUID, int, int]
FirstPage = tuple[UUID, int]


def by_id(fetch: Callable[[Sequence[UUID]], Awaitable[Sequence[Object]]]) -> DataLoader[UUID, Object | None]:
    """A loader over a service's `get_many`: None for what does not exist or may not be seen."""

    async def load(ids: list[UUID]) -> list[Object | None]:
        found = {item.id: item for item in await fetch(ids)}
        return [found.get(object_id) for object_id in ids]

    return DataLoader(load_fn=load, max_batch_size=BATCH)


def by_key(fetch: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Found]]]) -> DataLoader[Key, Found | None]:
    """A loader over a service that answers with a mapping."""

    async def load(keys: list[Key]) -> list[Found | None]:
        found = await fetch(keys)
        return [found.get(key) for key in keys]

    return DataLoader(load_fn=load, max_batch_size=BATCH)


class Loaders:
    """One loader an edge, made when it is first used, on behalf of one caller."""

    def __init__(self, services: Services, principal: Principal) -> None:
        self._services = services
        self._principal = principal

    @cached_property
    def workspaces(self) -> DataLoader[UUID, Workspace | None]:
        """The caller's own workspace; any other is not there."""

        async def load(ids: Sequence[UUID]) -> Sequence[Workspace]:
            return [await self._services.workspaces.get(self._principal)]

        return by_id(load)

    @cached_property
    def keys(self) -> DataLoader[UUID, ApiKey | None]:
        """API keys."""
        return by_id(partial(self._services.workspaces.get_keys, self._principal))

    @cached_property
    def models(self) -> DataLoader[UUID, EmbeddingModel | None]:
        """Embedding models."""
        return by_id(partial(self._services.embeddings.get_models, self._principal))

    @cached_property
    def indexes(self) -> DataLoader[UUID, EmbeddingIndex | None]:
        """Embedding indexes."""
        return by_id(partial(self._services.embeddings.get_indexes, self._principal))

    @cached_property
    def gates(self) -> DataLoader[UUID, GateOutcome | None]:
        """Gates, by the job of the reindex."""
        return by_key(partial(self._services.indexes.gates, self._principal))

    @cached_property
    def knowledge_bases(self) -> DataLoader[UUID, KnowledgeBase | None]:
        """Knowledge bases."""
        return by_id(partial(self._services.knowledge_bases.get_many, self._principal))

    @cached_property
    def stats(self) -> DataLoader[UUID, KnowledgeBaseStats | None]:
        """Counts, by knowledge base."""
        return by_key(partial(self._services.knowledge_bases.stats, self._principal))

    @cached_property
    def documents(self) -> DataLoader[UUID, Document | None]:
        """Documents."""
        return by_id(partial(self._services.documents.get_many, self._principal))

    @cached_property
    def receipts(self) -> DataLoader[UUID, DeletionReceipt | None]:
        """Receipts of deletions."""
        return by_id(partial(self._services.documents.receipts, self._principal))

    @cached_property
    def versions(self) -> DataLoader[UUID, DocumentVersion | None]:
        """Versions of documents."""
        return by_id(partial(self._services.contents.versions, self._principal))

    @cached_property
    def first_version_pages(self) -> DataLoader[FirstPage, Page[DocumentVersion] | None]:
        """The first page of versions, by document and size."""
        return by_key(self._first_version_pages)

    @cached_property
    def texts(self) -> DataLoader[TextSlice, str | None]:
        """Slices of extracted text, by version, start and end."""

        async def load(slices: list[TextSlice]) -> Sequence[str | None]:
            return await self._services.contents.texts(self._principal, slices)

        return DataLoader(load_fn=load, max_batch_size=BATCH)

    @cached_property
    def chunks(self) -> DataLoader[UUID, Chunk | None]:
        """Passages."""
        return by_id(partial(self._services.contents.chunks, self._principal))

    @cached_property
    def neighbours(self) -> DataLoader[Neighbourhood, list[Chunk] | None]:
        """Passages around a place, by version, ordinal and radius."""
        return by_key(self._neighbours)

    @cached_property
    def jobs(self) -> DataLoader[UUID, Job | None]:
        """Jobs."""
        return by_id(partial(self._services.jobs.get_many, self._principal))

    @cached_property
    def latest_jobs(self) -> DataLoader[UUID, Job | None]:
        """The newest job, by document."""
        return by_key(partial(self._services.jobs.latest_for, self._principal, JobSubjectType.DOCUMENT))

    @cached_property
    def conversations(self) -> DataLoader[UUID, Conversation | None]:
        """Conversations."""
        return by_id(partial(self._services.answers.get_conversations, self._principal))

    @cached_property
    def messages(self) -> DataLoader[UUID, Message | None]:
        """Messages."""
        return by_id(partial(self._services.answers.get_messages, self._principal))

    @cached_property
    def answers(self) -> DataLoader[UUID, Answer | None]:
        """Answers."""
        return by_id(partial(self._services.answers.get_many, self._principal))

    @cached_property
    def evaluation_sets(self) -> DataLoader[UUID, EvaluationSet | None]:
        """Evaluation sets."""
        return by_id(partial(self._services.evaluations.get_sets, self._principal))

    @cached_property
    def evaluation_runs(self) -> DataLoader[UUID, EvaluationRun | None]:
        """Evaluation runs."""
        return by_id(partial(self._services.evaluations.get_runs, self._principal))

    async def _first_version_pages(
        self, keys: Sequence[FirstPage]
    ) -> Mapping[FirstPage, Page[DocumentVersion]]:
        found: dict[FirstPage, Page[DocumentVersion]] = {}
        for limit in {limit for _, limit in keys}:
            ids = [document_id for document_id, size in keys if size == limit]
            pages = await self._services.contents.first_version_pages(self._principal, ids, limit)
            found |= {(document_id, limit): page for document_id, page in pages.items()}
        return found

    async def _neighbours(self, keys: Sequence[Neighbourhood]) -> Mapping[Neighbourhood, list[Chunk]]:
        found: dict[Neighbourhood, list[Chunk]] = {}
        for radius in {radius for _, _, radius in keys}:
            places = [(version, ordinal) for version, ordinal, wanted in keys if wanted == radius]
            around = await self._services.contents.neighbours(self._principal, places, radius)
            found |= {(*place, radius): chunks for place, chunks in around.items()}
        return found
