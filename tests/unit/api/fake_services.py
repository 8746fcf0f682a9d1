"""Fakes of all services that the API calls: they remember the calls and fail when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from lorebase.clients.process_rate_limiter import ProcessRateLimiter
from lorebase.core.errors import NotFound, Unauthenticated
from lorebase.core.ids import new_id
from lorebase.core.security import Signer
from lorebase.ports.event_stream import TakesEvent
from lorebase.schemas.analysers import ListedAnalyser, RegisteredAnalyser
from lorebase.schemas.answers import Answer, Ask, Asked, Conversation, ConversationOrder, Message
from lorebase.schemas.documents import (
    Chunk,
    DeletedDocument,
    DeletedKnowledgeBase,
    DeletionReceipt,
    Document,
    DocumentOrder,
    DocumentVersion,
    StoredUpload,
    UpdatedDocument,
    UpdateDocument,
    UpsertDocument,
    UpsertedDocument,
)
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel, ReindexKnowledgeBase
from lorebase.schemas.events import StoredEvent, StreamPosition
from lorebase.schemas.filters import ConversationFilter, DocumentFilter, JobFilter
from lorebase.schemas.indexes import DeletedIndex, ReindexedKnowledgeBase
from lorebase.schemas.jobs import Job, JobOrder, JobSubjectType
from lorebase.schemas.knowledge_bases import (
    CreateKnowledgeBase,
    FacetValue,
    KnowledgeBase,
    KnowledgeBaseOrder,
    KnowledgeBaseStats,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.rate_limits import Budget
from lorebase.schemas.reindex_gates import GateOutcome
from lorebase.schemas.search import (
    DEFAULT_PROFILE,
    Expansion,
    QueryKind,
    SearchedQuery,
    SearchPart,
    SearchRequest,
    SearchResult,
)
from lorebase.schemas.workspaces import ApiKey, ApiScope, Membership, Principal, Workspace
from lorebase.services.rate_limits import RateLimitService
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from tests.factories import make_settings
from tests.fakes.clock import START, FakeClock
from tests.unit.api.fake_calls import Calls, page_of, some
from tests.unit.api.fake_evaluations import FakeEvaluations, add_evaluation
from tests.unit.api.fake_world import TEXT, World, make_hit, make_world

Item = TypeVar("Item")

SECRET = "lb_a-good-key"


class Fake:
    def __init__(self, world: World, calls: Calls) -> None:
        self.world = world
        self.calls = calls


class FakeAccess(Fake):
    async def authenticate(self, secret: str, /) -> Principal:
        self.calls.note("access.authenticate")
        if secret != SECRET:
            raise Unauthenticated("The API key is not valid.")
        return self.world.principal

    async def recheck(self, principal: Principal, /) -> None:
        self.calls.note("access.recheck")


class FakeWorkspaces(Fake):
    async def get(self, principal: Principal, /) -> Workspace:
        self.calls.note("workspaces.get")
        return self.world.workspace

    async def by_slug(self, principal: Principal, slug: str, /) -> Workspace | None:
        self.calls.note("workspaces.by_slug", slug)
        return self.world.workspace if slug == self.world.workspace.slug else None

    async def members(self, principal: Principal, page: PageRequest, /) -> Page[Membership]:
        return page_of(list(self.world.members.values()), page)

    async def count_members(self, principal: Principal, /) -> int:
        return len(self.world.members)

    async def keys(self, principal: Principal, page: PageRequest, /) -> Page[ApiKey]:
        self.calls.note("workspaces.keys")
        return page_of(list(self.world.keys.values()), page)

    async def count_keys(self, principal: Principal, /) -> int:
        return len(self.world.keys)

    async def get_keys(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[ApiKey]:
        return some(self.world.keys, ids)

    async def create_key(
        self,
        principal: Principal,
        name: str,
        scopes: frozenset[ApiScope],
        expires_at: datetime | None,
        idempotency_key: str | None,
        /,
    ) -> tuple[ApiKey, str | None]:
        self.calls.note("workspaces.create_key", name, scopes, expires_at, idempotency_key)
        first = next(iter(self.world.keys.values()))
        changes = {"id": new_id(), "name": name, "scopes": scopes, "expires_at": expires_at}
        return first.model_copy(update=changes), "lb_secret"

    async def revoke_key(self, principal: Principal, key_id: UUID, idempotency_key: str | None, /) -> ApiKey:
        self.calls.note("workspaces.revoke_key", key_id, idempotency_key)
        return self.world.keys[key_id].model_copy(update={"revoked_at": self.world.workspace.created_at})


class FakeKnowledgeBases(Fake):
    async def create(self, principal: Principal, command: CreateKnowledgeBase, /) -> KnowledgeBase:
        self.calls.note("knowledge_bases.create", command)
        changes = {"id": new_id(), "name": command.name, "description": command.description}
        return self.world.knowledge_base.model_copy(update=changes)

    async def update(self, principal: Principal, command: UpdateKnowledgeBase, /) -> KnowledgeBase:
        self.calls.note("knowledge_bases.update", command)
        return self.world.knowledge_bases[command.id].model_copy(update={"version": 2})

    async def delete(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        expected_version: int | None,
        idempotency_key: str | None,
        /,
    ) -> DeletedKnowledgeBase:
        self.calls.note("knowledge_bases.delete", knowledge_base_id, expected_version, idempotency_key)
        receipt = next(iter(self.world.receipts.values()))
        return DeletedKnowledgeBase(knowledge_base_id=knowledge_base_id, job=self.world.job, receipt=receipt)

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[KnowledgeBase]:
        self.calls.note("knowledge_bases.get_many", tuple(ids))
        return some(self.world.knowledge_bases, ids)

    async def by_slug(self, principal: Principal, slug: str, /) -> KnowledgeBase | None:
        found = (each for each in self.world.knowledge_bases.values() if each.slug == slug)
        return next(found, None)

    async def page(
        self, principal: Principal, page: PageRequest, order: KnowledgeBaseOrder, /
    ) -> Page[KnowledgeBase]:
        self.calls.note("knowledge_bases.page", page, order)
        return page_of(list(self.world.knowledge_bases.values()), page)

    async def count(self, principal: Principal, /) -> int:
        return len(self.world.knowledge_bases)

    async def stats(self, principal: Principal, ids: Sequence[UUID], /) -> Mapping[UUID, KnowledgeBaseStats]:
        self.calls.note("knowledge_bases.stats", tuple(ids))
        stats = KnowledgeBaseStats(document_count=1, chunk_count=2, storage_bytes=2**60)
        return dict.fromkeys(ids, stats)

    async def facets(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        path: str,
        condition: DocumentFilter | None,
        first: int,
        /,
    ) -> Sequence[FacetValue]:
        self.calls.note("knowledge_bases.facets", path, condition, first)
        return [FacetValue(value="python", count=1)]


class FakeEmbeddings(Fake):
    async def models(self, principal: Principal, page: PageRequest, /) -> Page[EmbeddingModel]:
        return page_of(list(self.world.models.values()), page)

    async def count_models(self, principal: Principal, /) -> int:
        return len(self.world.models)

    async def get_models(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EmbeddingModel]:
        return some(self.world.models, ids)

    async def get_indexes(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EmbeddingIndex]:
        self.calls.note("embeddings.get_indexes", tuple(ids))
        return some(self.world.indexes, ids)

    async def analysers(self, principal: Principal, /) -> list[ListedAnalyser]:
        self.calls.note("embeddings.analysers")
        known = [
            RegisteredAnalyser(version=number, is_default=number == 1, deprecated_at=None, created_at=START)
            for number in (1, 2)
        ]
        return [ListedAnalyser(version=one.version, description="Words.", registered=one) for one in known]

    async def index_page(
        self, principal: Principal, knowledge_base_id: UUID, page: PageRequest, /
    ) -> Page[EmbeddingIndex]:
        return page_of(list(self.world.indexes.values()), page)


class FakeIndexes(Fake):
    async def reindex(self, principal: Principal, command: ReindexKnowledgeBase, /) -> ReindexedKnowledgeBase:
        self.calls.note("indexes.reindex", command)
        index, job = next(iter(self.world.indexes.values())), next(iter(self.world.jobs.values()))
        return ReindexedKnowledgeBase(index=index, job=job)

    async def gates(self, principal: Principal, job_ids: Sequence[UUID], /) -> Mapping[UUID, GateOutcome]:
        self.calls.note("indexes.gates", tuple(job_ids))
        return {job_id: self.world.gates[job_id] for job_id in job_ids if job_id in self.world.gates}

    async def activate(
        self, principal: Principal, index_id: UUID, idempotency_key: str | None, /
    ) -> KnowledgeBase:
        self.calls.note("indexes.activate", index_id, idempotency_key)
        return next(iter(self.world.knowledge_bases.values()))

    async def delete(
        self, principal: Principal, index_id: UUID, idempotency_key: str | None, /
    ) -> DeletedIndex:
        self.calls.note("indexes.delete", index_id, idempotency_key)
        return DeletedIndex(index_id=index_id, job=next(iter(self.world.jobs.values())))


class FakeDocuments(Fake):
    async def store(
        self,
        principal: Principal,
        chunks: AsyncIterator[bytes],
        file_name: str | None,
        media_type: str | None,
        /,
    ) -> StoredUpload:
        content = b"".join([chunk async for chunk in chunks])
        self.calls.note("documents.store", content, file_name, media_type)
        return self._stored(len(content), media_type or "text/plain", file_name)

    async def store_text(self, principal: Principal, body: str, media_type: str, /) -> StoredUpload:
        self.calls.note("documents.store_text", body, media_type)
        return self._stored(len(body), media_type, None)

    def _stored(self, size: int, media_type: str, file_name: str | None) -> StoredUpload:
        return StoredUpload(
            blob_key="k", byte_size=size, content_hash="0" * 64, media_type=media_type, file_name=file_name
        )

    async def upsert(self, principal: Principal, command: UpsertDocument, /) -> UpsertedDocument:
        self.calls.note("documents.upsert", command)
        return UpsertedDocument(document=self.world.document, job=self.world.job, created=True)

    async def update(self, principal: Principal, command: UpdateDocument, /) -> UpdatedDocument:
        self.calls.note("documents.update", command)
        return UpdatedDocument(document=self.world.documents[command.id], job=None)

    async def delete(
        self,
        principal: Principal,
        document_id: UUID,
        expected_version: int | None,
        idempotency_key: str | None,
        /,
    ) -> DeletedDocument:
        self.calls.note("documents.delete", document_id, expected_version, idempotency_key)
        receipt = next(iter(self.world.receipts.values()))
        return DeletedDocument(document_id=document_id, job=self.world.job, receipt=receipt)

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Document]:
        self.calls.note("documents.get_many", tuple(ids))
        return some(self.world.documents, ids)

    async def by_external_id(
        self, principal: Principal, knowledge_base_id: UUID, external_id: str, /
    ) -> Document | None:
        found = (each for each in self.world.documents.values() if each.external_id == external_id)
        return next(found, None)

    async def page(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        page: PageRequest,
        order: DocumentOrder,
        condition: DocumentFilter | None,
        /,
    ) -> Page[Document]:
        self.calls.note("documents.page", page, order, condition)
        return page_of(list(self.world.documents.values()), page)

    async def count(
        self, principal: Principal, knowledge_base_id: UUID, condition: DocumentFilter | None, /
    ) -> int:
        self.calls.note("documents.count", condition)
        return len(self.world.documents)

    async def receipts(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[DeletionReceipt]:
        return some(self.world.receipts, ids)


class FakeContents(Fake):
    async def versions(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[DocumentVersion]:
        self.calls.note("contents.versions", tuple(ids))
        return some(self.world.versions, ids)

    async def version_page(
        self, principal: Principal, document_id: UUID, page: PageRequest, /
    ) -> Page[DocumentVersion]:
        return page_of([v for v in self.world.versions.values() if v.document_id == document_id], page)

    async def first_version_pages(
        self, principal: Principal, document_ids: Sequence[UUID], limit: int, /
    ) -> Mapping[UUID, Page[DocumentVersion]]:
        self.calls.note("contents.first_version_pages", tuple(document_ids), limit)
        page = PageRequest(limit=limit)
        return {each: await self.version_page(principal, each, page) for each in document_ids}

    async def count_versions(self, principal: Principal, document_id: UUID, /) -> int:
        return 1

    async def chunks(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Chunk]:
        self.calls.note("contents.chunks", tuple(ids))
        return some(self.world.chunks, ids)

    async def chunk_page(self, principal: Principal, version_id: UUID, page: PageRequest, /) -> Page[Chunk]:
        return page_of([c for c in self.world.chunks.values() if c.version_id == version_id], page)

    async def count_chunks(self, principal: Principal, version_id: UUID, /) -> int:
        return 2

    async def neighbours(
        self, principal: Principal, places: Sequence[tuple[UUID, int]], radius: int, /
    ) -> Mapping[tuple[UUID, int], list[Chunk]]:
        self.calls.note("contents.neighbours", tuple(places), radius)
        return {
            (version, ordinal): [
                chunk
                for chunk in self.world.chunks.values()
                if chunk.version_id == version and 0 < abs(chunk.ordinal - ordinal) <= radius
            ]
            for version, ordinal in places
        }

    async def texts(
        self, principal: Principal, ranges: Sequence[tuple[UUID, int, int]], /
    ) -> Sequence[str | None]:
        self.calls.note("contents.texts", tuple(ranges))
        return [TEXT[start:end] for _, start, end in ranges]

    async def download(
        self, workspace_id: UUID, version_id: UUID, /
    ) -> tuple[DocumentVersion, AsyncIterator[bytes]]:
        self.calls.note("contents.download", workspace_id, version_id)
        if version_id not in self.world.versions:
            raise NotFound("There is no such object.")
        return self.world.versions[version_id], self._source()

    async def _source(self) -> AsyncIterator[bytes]:
        yield TEXT[:10].encode()
        yield TEXT[10:].encode()


class FakeJobs(Fake):
    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Job]:
        self.calls.note("jobs.get_many", tuple(ids))
        return some(self.world.jobs, ids)

    async def latest_for(
        self, principal: Principal, subject_type: JobSubjectType, ids: Sequence[UUID], /
    ) -> Mapping[UUID, Job]:
        self.calls.note("jobs.latest_for", subject_type, tuple(ids))
        return {job.subject_id: job for job in self.world.jobs.values() if job.subject_id in ids}

    async def page(
        self, principal: Principal, page: PageRequest, order: JobOrder, condition: JobFilter | None, /
    ) -> Page[Job]:
        self.calls.note("jobs.page", page, order, condition)
        return page_of(list(self.world.jobs.values()), page)

    async def count(self, principal: Principal, condition: JobFilter | None, /) -> int:
        return len(self.world.jobs)

    async def cancel(self, principal: Principal, job_id: UUID, idempotency_key: str | None, /) -> Job:
        self.calls.note("jobs.cancel", job_id, idempotency_key)
        return self.world.jobs[job_id]

    async def retry(self, principal: Principal, job_id: UUID, idempotency_key: str | None, /) -> Job:
        self.calls.note("jobs.retry", job_id, idempotency_key)
        return self.world.jobs[job_id]


class FakeSearches(Fake):
    async def search(
        self, principal: Principal, request: SearchRequest, /, *, highlighted: bool = True
    ) -> SearchResult:
        self.calls.note("search.search", request)
        self.calls.note("search.highlighted", highlighted)
        chunks = list(self.world.chunks.values())
        hits = [make_hit(self.world, chunk, rank) for rank, chunk in enumerate(chunks, start=1)]
        end = request.offset + request.limit
        fresh = Expansion(texts=("Made once.",)) if request.profile else None
        return SearchResult(
            hits=tuple(hits[request.offset : end]),
            has_next=len(hits) > end,
            index_ids=tuple(self.world.indexes),
            took_ms=5,
            degraded=(SearchPart.RERANK,),
            profile=request.profile or DEFAULT_PROFILE,
            queries=(SearchedQuery(kind=QueryKind.ORIGINAL, text=request.query),),
            expansion=request.expansion or fresh,
        )


class FakeAnswers(Fake):
    async def ask(self, principal: Principal, command: Ask, /) -> Asked:
        self.calls.note("answers.ask", command)
        message = next(iter(self.world.messages.values()))
        return Asked(conversation=self.world.conversation, message=message, answer=self.world.answer)

    async def cancel(self, principal: Principal, answer_id: UUID, idempotency_key: str | None, /) -> Answer:
        self.calls.note("answers.cancel", answer_id, idempotency_key)
        return self.world.answers[answer_id]

    async def delete_conversation(
        self, principal: Principal, conversation_id: UUID, idempotency_key: str | None, /
    ) -> None:
        self.calls.note("answers.delete_conversation", conversation_id, idempotency_key)

    async def get_many(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Answer]:
        self.calls.note("answers.get_many", tuple(ids))
        return some(self.world.answers, ids)

    async def conversations(
        self,
        principal: Principal,
        page: PageRequest,
        order: ConversationOrder,
        condition: ConversationFilter | None,
        /,
    ) -> Page[Conversation]:
        self.calls.note("answers.conversations", page, order, condition)
        return page_of(list(self.world.conversations.values()), page)

    async def count_conversations(self, principal: Principal, condition: ConversationFilter | None, /) -> int:
        return len(self.world.conversations)

    async def get_conversations(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Conversation]:
        return some(self.world.conversations, ids)

    async def messages(
        self, principal: Principal, conversation_id: UUID, page: PageRequest, /
    ) -> Page[Message]:
        return page_of(list(self.world.messages.values()), page)

    async def count_messages(self, principal: Principal, conversation_id: UUID, /) -> int:
        return len(self.world.messages)

    async def get_messages(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[Message]:
        return some(self.world.messages, ids)


class FakeStreams(Fake):
    """Sends `script`; then waits for ever when `endless`, or raises `failure`. `open` counts readers."""

    def __init__(self, world: World, calls: Calls) -> None:
        super().__init__(world, calls)
        self.script: list[StoredEvent] = []
        self.endless = False
        self.failure: Exception | None = None
        self.open = 0

    async def _play(self, after: StreamPosition | None) -> AsyncGenerator[StoredEvent, None]:
        self.open += 1
        try:
            for event in self.script:
                if after is None or event.position.sequence > after.sequence:
                    yield event
            if self.failure:
                raise self.failure
            if self.endless:
                await asyncio.Event().wait()
        finally:
            self.open -= 1

    def job_events(
        self,
        principal: Principal,
        job_id: UUID,
        after: StreamPosition | None,
        _take: TakesEvent | None = None,
        /,
    ) -> AsyncGenerator[StoredEvent, None]:
        self.calls.note("streams.job_events", job_id, after)
        return self._play(after)

    def answer_events(
        self,
        principal: Principal,
        answer_id: UUID,
        after: StreamPosition | None,
        _take: TakesEvent | None = None,
        /,
    ) -> AsyncGenerator[StoredEvent, None]:
        self.calls.note("streams.answer_events", answer_id, after)
        return self._play(after)

    def workspace_job_events(
        self,
        principal: Principal,
        after: StreamPosition | None,
        condition: JobFilter | None,
        _take: TakesEvent | None = None,
        /,
    ) -> AsyncGenerator[StoredEvent, None]:
        self.calls.note("streams.workspace_job_events", after, condition)
        return self._play(after)


class FakeHealth:
    def __init__(self) -> None:
        self.parts = {"database": True, "redis": True, "milvus": True}

    async def checks(self) -> Mapping[str, bool]:
        return self.parts


class FakeRateLimits:
    """The real service on a clock that stands still, with buckets of a test's own size."""

    def __init__(self, points: int = 600_000) -> None:
        self.clock = FakeClock()
        self.allow(points)

    def allow(self, points: int) -> None:
        settings = make_settings(rate_limit_points=points)
        limiter = ProcessRateLimiter(self.clock)
        self.service = RateLimitService(limiter=limiter, clock=self.clock, settings=settings)

    async def charge(self, principal: Principal, points: int) -> Budget:
        return await self.service.charge(principal, points)


class FakeServices:
    """Everything that the container would hold."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or make_world()
        self.calls = Calls()
        self.access = FakeAccess(self.world, self.calls)
        self.workspaces = FakeWorkspaces(self.world, self.calls)
        self.knowledge_bases = FakeKnowledgeBases(self.world, self.calls)
        self.embeddings = FakeEmbeddings(self.world, self.calls)
        self.indexes = FakeIndexes(self.world, self.calls)
        self.documents = FakeDocuments(self.world, self.calls)
        self.contents = FakeContents(self.world, self.calls)
        self.jobs = FakeJobs(self.world, self.calls)
        self.profiles = RetrievalProfiles(make_settings())
        self.search = FakeSearches(self.world, self.calls)
        self.answers = FakeAnswers(self.world, self.calls)
        if not self.world.evaluation_runs:
            add_evaluation(self.world)
        self.evaluations = FakeEvaluations(self.world, self.calls)
        self.streams = FakeStreams(self.world, self.calls)
        self.health = FakeHealth()
        self.rate_limits = FakeRateLimits()
        self.signer = Signer("a secret key of tests that is long enough")
