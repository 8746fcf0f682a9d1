"""What the services of a process stand on: connections that are opened once, and closed with it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from pydantic import SecretStr

from lorebase.clients.arq_queue import ArqJobQueue
from lorebase.clients.blob_objects import blob_store
from lorebase.clients.http_reranker import reranker_of
from lorebase.clients.openai_chat import OpenAIChatModel
from lorebase.clients.openai_connection import LOCAL_PROVIDER, REMOTE_PROVIDER, ModelConnections
from lorebase.clients.openai_embedder import OpenAIEmbedder
from lorebase.clients.profile_file import read_profiles
from lorebase.clients.prompt_templates import FilePromptTemplates
from lorebase.clients.redis_rate_limiter import RedisRateLimiter
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.clock import SystemClock
from lorebase.core.config import EMBEDDED_CHAT_MODEL, KeywordStore, Settings
from lorebase.core.errors import Permanent
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chat_model import ChatModel
from lorebase.ports.reranker import Reranker
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.repositories.database import check_login_role, create_engine
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.keywords import MilvusKeywordIndex
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.reconciliation.reconciliation import Reconciler
from lorebase.services.search.query_expansion import QueryExpander
from lorebase.services.search.retrieval_profiles import RetrievalProfiles
from lorebase.services.search.search import SearchService


@dataclass(frozen=True)
class Resources:
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
    profiles: RetrievalProfiles
    reranker: Reranker | None
    keywords: MilvusKeywordIndex | None


async def open_resources(stack: AsyncExitStack, settings: Settings) -> Resources:
    """Connects; the stack closes everything. Raises Permanent, saying what to set."""
    profiles = RetrievalProfiles(settings, read_profiles(settings.retrieval_profiles))
    engine = create_engine(required(settings.database_url, "LOREBASE_DATABASE_URL"), settings)
    stack.push_async_callback(engine.dispose)
    await check_login_role(engine)
    units, clock = SqlUnitOfWorkFactory(engine, settings), SystemClock()
    redis_url = required(settings.redis_url, "LOREBASE_REDIS_URL")
    queue = ArqJobQueue(redis_url)
    streams = RedisEventStream(
        redis_url, max_events=settings.stream_max_events, expire_seconds=settings.stream_expire_seconds
    )
    index = MilvusChunkIndex(*milvus_address(settings))
    connections = ModelConnections(settings)
    limiter = RedisRateLimiter(redis_url, clock)
    reranker, keywords = reranker_of(settings), _keywords(settings, units)
    for resource in (queue, streams, limiter, index, connections, reranker, keywords):
        if resource is not None:
            stack.push_async_callback(resource.close)
    templates = FilePromptTemplates()
    return Resources(
        settings=settings,
        clock=clock,
        units=units,
        blobs=blob_store(settings.blob_url, settings.home),
        queue=queue,
        streams=streams,
        limiter=limiter,
        events=JobEvents(streams),
        index=index,
        embedder=OpenAIEmbedder(connections=connections, batch_size=settings.embedding_batch_size),
        chat=_chat(settings, connections, templates),
        templates=templates,
        profiles=profiles,
        reranker=reranker,
        keywords=keywords,
    )


def _chat(
    settings: Settings, connections: ModelConnections, templates: FilePromptTemplates
) -> OpenAIChatModel:
    remote = settings.generates
    return OpenAIChatModel(
        connections=connections,
        templates=templates,
        provider=REMOTE_PROVIDER if remote else LOCAL_PROVIDER,
        name=settings.chat_model or EMBEDDED_CHAT_MODEL,
        is_generative=remote,
    )


def _keywords(settings: Settings, units: UnitOfWorkFactory) -> MilvusKeywordIndex | None:
    """None leaves words to PostgreSQL."""
    if settings.keyword_index is not KeywordStore.MILVUS:
        return None
    return MilvusKeywordIndex(units, *milvus_address(settings))


def search_service(parts: Resources) -> SearchService:
    """Searches, by the index of words that the settings choose."""
    return SearchService(
        units=parts.units,
        embedder=parts.embedder,
        index=parts.index,
        settings=parts.settings,
        clock=parts.clock,
        reranker=parts.reranker,
        keywords=parts.keywords,
        profiles=parts.profiles,
        expander=QueryExpander(chat=parts.chat, templates=parts.templates, settings=parts.settings),
    )


def reconciler_of(parts: Resources) -> Reconciler:
    """Compares the stores."""
    return Reconciler(
        units=parts.units,
        index=parts.index,
        blobs=parts.blobs,
        notices=JobNotices(queue=parts.queue, events=parts.events),
        clock=parts.clock,
        settings=parts.settings,
    )


def required(value: SecretStr | None, name: str) -> str:
    """The value of the setting `name`; Permanent when it is missing."""
    if value is None:
        raise Permanent(f"{name} is not set: start Lorebase with `make run`, or point it at a server.")
    return value.get_secret_value()


def milvus_address(settings: Settings) -> tuple[str, str | None, float]:
    """Address, token and timeout in seconds; Permanent when there is no address."""
    if settings.milvus_uri is None:
        raise Permanent("LOREBASE_MILVUS_URI is not set: start with `make run`, or point it at a server.")
    token = settings.milvus_token.get_secret_value() if settings.milvus_token else None
    return settings.milvus_uri, token, settings.milvus_timeout_seconds
