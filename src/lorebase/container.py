"""The composition root: opens resources, picks classes, builds the services. Nothing else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from lorebase.clients.arq_queue import ArqJobQueue
from lorebase.clients.blob_objects import blob_store
from lorebase.clients.http_reranker import reranker_of
from lorebase.clients.model_description import describe, describe_embedding_model
from lorebase.clients.openai_chat import OpenAIChatModel
from lorebase.clients.openai_connection import LOCAL_PROVIDER, REMOTE_PROVIDER, ModelConnections
from lorebase.clients.openai_embedder import OpenAIEmbedder
from lorebase.clients.parsing.subprocess_parser import SubprocessParser, limits_of
from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.clients.redis_rate_limiter import RedisRateLimiter
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.clients.tokenizer import ModelTokenizer
from lorebase.core.clock import SystemClock
from lorebase.core.config import EMBEDDED_CHAT_MODEL, EMBEDDED_EMBEDDING_MODEL, Settings
from lorebase.core.errors import Permanent
from lorebase.core.security import Signer
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.repositories.database import check_login_role, create_engine, create_owner_engine, ensure_roles
from lorebase.repositories.migrations_runner import upgrade
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.collection import MilvusCollections
from lorebase.repositories.sql.embedding_registry import SqlEmbeddingRegistry
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.schemas.jobs import JobKind, JobSubjectType
from lorebase.services.access import AccessService
from lorebase.services.answering import AnswerHandler
from lorebase.services.answers import AnswerService
from lorebase.services.deletion import DeletionHandler
from lorebase.services.document_contents import ContentService
from lorebase.services.documents import DocumentService
from lorebase.services.embedding_registry import EmbeddingRegistryService
from lorebase.services.embeddings import CachedEmbedder, EmbeddingService
from lorebase.services.evaluation_measurement import EvaluationMeasurement
from lorebase.services.evaluation_runs import EvaluationHandler
from lorebase.services.evaluations import EvaluationService
from lorebase.services.handlers_by_subject import HandlersBySubject
from lorebase.services.health import HealthService
from lorebase.services.index_rebuild import IndexRebuild
from lorebase.services.index_removal import IndexRemovalHandler
from lorebase.services.indexes import IndexService
from lorebase.services.ingestion import IngestionHandler
from lorebase.services.job_control import JobHandler
from lorebase.services.job_events import JobEvents
from lorebase.services.job_notices import JobNotices
from lorebase.services.job_runner import JobRunner
from lorebase.services.jobs import JobService
from lorebase.services.keywords import KeywordAnalyser
from lorebase.services.knowledge_bases import KnowledgeBaseService
from lorebase.services.metadata_sync import MetadataSyncHandler
from lorebase.services.rate_limits import RateLimitService
from lorebase.services.reconciliation import Reconciler
from lorebase.services.reindexing import ReindexHandler
from lorebase.services.retention import RetentionService
from lorebase.services.search import SearchService
from lorebase.services.streams import StreamService
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
    search: SearchService
    answers: AnswerService
    evaluations: EvaluationService
    streams: StreamService
    health: HealthService
    reconciler: Reconciler
    rebuild: IndexRebuild
    rate_limits: RateLimitService


@dataclass(frozen=True)
class _Resources:
    """What has to be closed, and what is built on it."""

    settings: Settings
    clock: SystemClock
    units: UnitOfWorkFactory
    blobs: BlobStore
    queue: ArqJobQueue
    streams: RedisEventStream
    limiter: RedisRateLimiter
    events: JobEvents
    index: MilvusChunkIndex
    embedder: OpenAIEmbedder
    chat: ChatModel
    templates: FilePromptTemplates
    analyser: KeywordAnalyser
    search: SearchService


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """The services, for the API and commands. Raises Permanent, saying what to set."""
    async with AsyncExitStack() as stack:
        yield _build(await _open_resources(stack, settings))


@dataclass(frozen=True)
class WorkerServices:
    """What the worker process does: jobs, comparing the stores, and removing what has served its time."""

    runner: JobRunner
    reconciler: Reconciler
    retention: RetentionService


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[WorkerServices]:
    """The services of the worker; it alone parses files."""
    async with AsyncExitStack() as stack:
        parts = await _open_resources(stack, settings)
        yield WorkerServices(
            runner=await _build_runner(stack, parts),
            reconciler=_reconciler(parts),
            retention=RetentionService(units=parts.units, settings=settings),
        )


async def migrate(settings: Settings) -> EmbeddingModel:
    """Brings everything to this release: roles, tables, the embedding model's registration and collection."""
    owner_url = _required(settings.database_owner_url, "LOREBASE_DATABASE_OWNER_URL")
    await ensure_roles(owner_url, _required(settings.database_url, "LOREBASE_DATABASE_URL"))
    await upgrade(owner_url)
    async with open_registry(settings) as registry:
        connections = ModelConnections(settings)
        try:
            return await registry.adopt(await describe_embedding_model(connections, settings))
        finally:
            await connections.close()


@asynccontextmanager
async def open_registry(settings: Settings) -> AsyncIterator[EmbeddingRegistryService]:
    """The registry of embedding models, with the owner's rights: for operators' commands only."""
    connections = ModelConnections(settings)
    owner = create_owner_engine(_required(settings.database_owner_url, "LOREBASE_DATABASE_OWNER_URL"))
    try:
        yield EmbeddingRegistryService(
            registry=SqlEmbeddingRegistry(owner),
            collections=MilvusCollections(*_milvus(settings)),
            describe=partial(describe, connections),
        )
    finally:
        await owner.dispose()
        await connections.close()


async def _open_resources(stack: AsyncExitStack, settings: Settings) -> _Resources:
    engine = create_engine(_required(settings.database_url, "LOREBASE_DATABASE_URL"), settings)
    stack.push_async_callback(engine.dispose)
    await check_login_role(engine)
    units, clock = SqlUnitOfWorkFactory(engine, settings), SystemClock()
    redis_url = _required(settings.redis_url, "LOREBASE_REDIS_URL")
    queue = ArqJobQueue(redis_url)
    streams = RedisEventStream(
        redis_url, max_events=settings.stream_max_events, expire_seconds=settings.stream_expire_seconds
    )
    index = MilvusChunkIndex(*_milvus(settings))
    connections = ModelConnections(settings)
    limiter = RedisRateLimiter(redis_url, clock)
    for resource in (queue, streams, limiter, index, connections):
        stack.push_async_callback(resource.close)
    reranker = reranker_of(settings)
    if reranker is not None:
        stack.push_async_callback(reranker.close)
    templates = FilePromptTemplates()
    embedder = OpenAIEmbedder(connections=connections, batch_size=settings.embedding_batch_size)
    return _Resources(
        settings=settings,
        clock=clock,
        units=units,
        blobs=blob_store(settings.blob_url, settings.home),
        queue=queue,
        streams=streams,
        limiter=limiter,
        events=JobEvents(streams),
        index=index,
        embedder=embedder,
        chat=_chat(settings, connections, templates),
        templates=templates,
        analyser=KeywordAnalyser(),
        search=SearchService(
            units=units, embedder=embedder, index=index, settings=settings, clock=clock, reranker=reranker
        ),
    )


def _chat(
    settings: Settings, connections: ModelConnections, templates: FilePromptTemplates
) -> OpenAIChatModel:
    remote = settings.chat_model is not None
    return OpenAIChatModel(
        connections=connections,
        templates=templates,
        provider=REMOTE_PROVIDER if remote else LOCAL_PROVIDER,
        name=settings.chat_model or EMBEDDED_CHAT_MODEL,
        is_generative=remote,
    )


async def _build_runner(stack: AsyncExitStack, parts: _Resources) -> JobRunner:
    parser = SubprocessParser(limits_of(parts.settings))
    stack.push_async_callback(parser.close)
    tokenizer_file = parts.settings.models_directory / EMBEDDED_EMBEDDING_MODEL / "tokenizer.json"
    cached = CachedEmbedder(units=parts.units, embedder=parts.embedder)
    handlers: dict[JobKind, JobHandler] = {
        JobKind.INGEST: IngestionHandler(
            units=parts.units,
            blobs=parts.blobs,
            parser=parser,
            tokenizer=ModelTokenizer(tokenizer_file),
            cached_embedder=cached,
            index=parts.index,
            analyser=parts.analyser,
            settings=parts.settings,
        ),
        **_index_handlers(parts, cached),
        JobKind.SYNC_METADATA: MetadataSyncHandler(
            units=parts.units,
            cached_embedder=cached,
            index=parts.index,
            analyser=parts.analyser,
            settings=parts.settings,
        ),
        JobKind.EVALUATE: EvaluationHandler(units=parts.units, measurement=_measurement(parts)),
        JobKind.ANSWER: AnswerHandler(
            units=parts.units,
            search=parts.search,
            chat=parts.chat,
            templates=parts.templates,
            streams=parts.streams,
            settings=parts.settings,
            clock=parts.clock,
        ),
    }
    return JobRunner(
        units=parts.units, handlers=handlers, events=parts.events, settings=parts.settings, clock=parts.clock
    )


def _index_handlers(parts: _Resources, cached: CachedEmbedder) -> dict[JobKind, JobHandler]:
    deletion = _deletion(parts)
    return {
        JobKind.DELETE: HandlersBySubject(
            {
                JobSubjectType.DOCUMENT: deletion,
                JobSubjectType.KNOWLEDGE_BASE: deletion,
                JobSubjectType.EMBEDDING_INDEX: IndexRemovalHandler(
                    units=parts.units, index=parts.index, settings=parts.settings, clock=parts.clock
                ),
            }
        ),
        JobKind.REINDEX: ReindexHandler(
            units=parts.units,
            cached_embedder=cached,
            index=parts.index,
            measurement=_measurement(parts),
            settings=parts.settings,
            clock=parts.clock,
        ),
    }


def _measurement(parts: _Resources) -> EvaluationMeasurement:
    return EvaluationMeasurement(units=parts.units, search=parts.search, settings=parts.settings)


def _deletion(parts: _Resources) -> DeletionHandler:
    return DeletionHandler(
        units=parts.units,
        blobs=parts.blobs,
        index=parts.index,
        notices=JobNotices(queue=parts.queue, events=parts.events),
        settings=parts.settings,
    )


def _build(parts: _Resources) -> Container:
    units, settings, clock = parts.units, parts.settings, parts.clock
    queue, events, reconciler = parts.queue, parts.events, _reconciler(parts)
    return Container(
        settings=settings,
        units=units,
        signer=Signer(_required(settings.secret_key, "LOREBASE_SECRET_KEY")),
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
        search=parts.search,
        answers=AnswerService(units=units, queue=queue, events=events, settings=settings, clock=clock),
        evaluations=EvaluationService(
            units=units, queue=queue, events=events, clock=clock, settings=settings
        ),
        streams=StreamService(units=units, streams=parts.streams, clock=clock, settings=settings),
        health=_health(parts),
        reconciler=reconciler,
        rebuild=IndexRebuild(
            units=units, reconciler=reconciler, collections=MilvusCollections(*_milvus(settings))
        ),
        rate_limits=RateLimitService(limiter=parts.limiter, clock=clock, settings=settings),
    )


def _reconciler(parts: _Resources) -> Reconciler:
    return Reconciler(
        units=parts.units,
        index=parts.index,
        blobs=parts.blobs,
        notices=JobNotices(queue=parts.queue, events=parts.events),
        clock=parts.clock,
        settings=parts.settings,
    )


def _health(parts: _Resources) -> HealthService:
    async def database() -> None:
        async with parts.units.for_system() as uow:
            await uow.count_workspaces()

    return HealthService(
        probes={"database": database, "redis": parts.streams.ping, "milvus": parts.index.ping}
    )


def _required(value: SecretStr | None, name: str) -> str:
    if value is None:
        raise Permanent(f"{name} is not set: start Lorebase with `make run`, or point it at a server.")
    return value.get_secret_value()


def _milvus(settings: Settings) -> tuple[str, str | None, float]:
    if settings.milvus_uri is None:
        raise Permanent("LOREBASE_MILVUS_URI is not set: start with `make run`, or point it at a server.")
    token = settings.milvus_token.get_secret_value() if settings.milvus_token else None
    return settings.milvus_uri, token, settings.milvus_timeout_seconds
