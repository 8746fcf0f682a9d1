"""The services of the API and of commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from lorebase.container.resources import (
    Resources,
    milvus_address,
    open_resources,
    reconciler_of,
    required,
    search_service,
)
from lorebase.core.config import Settings
from lorebase.core.security import Signer
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.services.access import AccessService
from lorebase.services.answers.answers import AnswerService
from lorebase.services.documents.document_contents import ContentService
from lorebase.services.documents.documents import DocumentService
from lorebase.services.embeddings.embeddings import EmbeddingService
from lorebase.services.evaluations.evaluations import EvaluationService
from lorebase.services.health import HealthService
from lorebase.services.jobs.jobs import JobService
from lorebase.services.knowledge_bases.knowledge_bases import KnowledgeBaseService
from lorebase.services.rate_limits import RateLimitService
from lorebase.services.reconciliation.reconciliation import Reconciler
from lorebase.services.reindexing.index_rebuild import IndexRebuild
from lorebase.services.reindexing.indexes import IndexService
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.search.search import SearchService
from lorebase.services.streams.streams import StreamService
from lorebase.services.workspaces import WorkspaceService


@dataclass(frozen=True)
class Container:
    """The services of a process; stateless, alive as long as it is."""

    settings: Settings
    units: UnitOfWorkFactory
    signer: Signer
    access: AccessService
    workspaces: WorkspaceService
    knowledge_bases: KnowledgeBaseService
    embeddings: EmbeddingService
    indexes: IndexService
    documents: DocumentService
    contents: ContentService
    jobs: JobService
    profiles: RetrievalProfiles
    search: SearchService
    answers: AnswerService
    evaluations: EvaluationService
    streams: StreamService
    health: HealthService
    reconciler: Reconciler
    rebuild: IndexRebuild
    rate_limits: RateLimitService


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """The services, for the API and commands. Raises Permanent, saying what to set."""
    async with AsyncExitStack() as stack:
        yield _build(await open_resources(stack, settings))


def _build(parts: Resources) -> Container:
    units, settings, clock = parts.units, parts.settings, parts.clock
    queue, events, reconciler, profiles = parts.queue, parts.events, reconciler_of(parts), parts.profiles
    return Container(
        settings=settings,
        units=units,
        signer=Signer(required(settings.secret_key, "LOREBASE_SECRET_KEY")),
        access=AccessService(units=units, clock=clock),
        workspaces=WorkspaceService(units=units, clock=clock, settings=settings),
        knowledge_bases=KnowledgeBaseService(
            units=units, queue=queue, events=events, clock=clock, settings=settings
        ),
        embeddings=EmbeddingService(units=units),
        indexes=IndexService(units=units, queue=queue, events=events),
        documents=DocumentService(
            units=units, blobs=parts.blobs, queue=queue, events=events, clock=clock, settings=settings
        ),
        contents=ContentService(units=units, blobs=parts.blobs),
        jobs=JobService(units=units, queue=queue, events=events),
        profiles=profiles,
        search=search_service(parts),
        answers=AnswerService(
            units=units, queue=queue, events=events, settings=settings, clock=clock, profiles=profiles
        ),
        evaluations=EvaluationService(
            units=units, queue=queue, events=events, clock=clock, settings=settings, profiles=profiles
        ),
        streams=StreamService(units=units, streams=parts.streams, clock=clock, settings=settings),
        health=_health(parts),
        reconciler=reconciler,
        rebuild=IndexRebuild(
            units=units,
            reconciler=reconciler,
            collections=MilvusCollections(*milvus_address(settings)),
            settings=settings,
        ),
        rate_limits=RateLimitService(limiter=parts.limiter, clock=clock, settings=settings),
    )


def _health(parts: Resources) -> HealthService:
    async def database() -> None:
        async with parts.units.for_system() as uow:
            await uow.count_workspaces()

    return HealthService(
        probes={"database": database, "redis": parts.streams.ping, "milvus": parts.index.ping}
    )
