"""Every setting of Lorebase: the only module that reads the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024

EMBEDDED_EMBEDDING_MODEL = "all-MiniLM-L6-v2"
EMBEDDED_CHAT_MODEL = "lorebase-extractive"


class Environment(StrEnum):
    """Where the process runs; development shows more, production trusts less."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class PersistedOperations(StrEnum):
    """Which documents may be run by their hash, and whether any others run at all."""

    OFF = "off"
    ALLOW = "allow"
    ONLY = "only"


class KeywordStore(StrEnum):
    """Where the words of passages are looked up; `both` writes to both and searches in PostgreSQL."""

    POSTGRESQL = "postgresql"
    BOTH = "both"
    MILVUS = "milvus"


class _Group(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="LOREBASE_", extra="ignore", env_ignore_empty=True)


class StoreSettings(_Group):
    """Where the state lives. On one machine the supervisor fills the URLs in."""

    home: Path = Field(Path(".lorebase"), description="Folder of the embedded parts, logs and credentials.")
    database_url: SecretStr | None = Field(
        None, description="postgresql+asyncpg://… of the login role; it must not own the tables."
    )
    database_owner_url: SecretStr | None = Field(
        None, description="postgresql+asyncpg://… of the owner; used by `lorebase migrate` only."
    )
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    database_statement_timeout_ms: Annotated[int, Field(ge=100)] = 15_000
    redis_url: SecretStr | None = Field(None, description="redis://…, rediss://… or unix://….")
    milvus_uri: str | None = Field(None, description="http(s)://… or unix:… of the Milvus server.")
    milvus_token: SecretStr | None = Field(None, description="Token of the Milvus server.")
    milvus_timeout_seconds: float = 10.0
    blob_url: str | None = Field(
        None, description="file:///… or s3://bucket/prefix; a folder below home when absent."
    )
    secret_key: SecretStr | None = Field(None, description="Signs cursors and downloads; 32 bytes or more.")
    partition_limit: Annotated[int, Field(ge=1, le=1000)] = Field(
        512, description="Workspaces with a Milvus partition of their own; later ones share buckets."
    )


class ModelSettings(_Group):
    """Which models embed and answer. An ambient OPENAI_API_KEY alone changes nothing."""

    embedding_model: str | None = Field(
        None, description="Name of an OpenAI-compatible embedding model; local when absent."
    )
    embedding_dimensions: Annotated[int, Field(ge=2, le=32_768)] | None = Field(
        None, description="Length of its vectors; asked of the provider when absent."
    )
    embedding_version: str = Field("1", description="Version of the remote embedding model, ours to raise.")
    embedding_max_input_tokens: Annotated[int, Field(ge=64)] = 256
    embedding_batch_size: Annotated[int, Field(ge=1, le=2048)] = 64
    chat_model: str | None = Field(
        None, description="Name of an OpenAI-compatible chat model; local and extractive when absent."
    )
    chat_max_tokens: Annotated[int, Field(ge=16)] = 1024
    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    local_models_url: str | None = Field(
        None, description="…/v1 of the local model server; set by the supervisor."
    )
    models_directory: Path = Field(
        default_factory=lambda: Path(sys.prefix) / "share" / "lorebase" / "models",
        description="Where set-up put the converted local models.",
    )
    rerank_url: str | None = Field(
        None, description="…/v1 of a server that answers POST /rerank; nothing is reranked when absent."
    )
    rerank_model: str | None = Field(None, description="Name of its reranking model.")
    rerank_api_key: SecretStr | None = Field(None, description="Its key, for a server that asks for one.")
    rerank_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        3.0, description="Patience with it, all tries together; after that hits keep their order."
    )
    rerank_candidates: Annotated[int, Field(ge=2, le=1000)] = Field(
        50, description="How many of the first hits it sorts anew."
    )
    retrieval_profiles: Path | None = Field(
        None, description="TOML file of your own retrieval profiles, beside those built in."
    )
    expansion_timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        5.0, description="Patience with the chat model that rewrites a query, all tries together."
    )
    expansion_max_tokens: Annotated[int, Field(ge=16)] = Field(
        512, description="Tokens that it may make at a time; an unreadable completion is repaired once."
    )
    model_timeout_seconds: float = 30.0
    model_retry_seconds: float = Field(60.0, description="How long backoff keeps trying one model call.")


class EdgeSettings(_Group):
    """The GraphQL edge: where it listens and what it refuses."""

    environment: Environment = Environment.DEVELOPMENT
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8000
    public_url: str | None = Field(None, description="Address that clients see, for download links.")
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins of browsers that may call, over HTTP and WebSocket."
    )
    max_body_bytes: int = Field(2 * MIB, description="Largest JSON request body.")
    max_upload_bytes: int = Field(32 * MIB, description="Largest file of a multipart request.")
    max_inline_text_bytes: int = Field(1 * MIB, description="Largest inline text source.")
    request_timeout_seconds: float = 30.0
    query_max_characters: int = Field(50_000, description="Longest GraphQL document.")
    query_max_tokens: int = 1000
    query_max_depth: int = 15
    query_max_aliases: int = 30
    query_max_directives: int = 50
    query_max_fragments: int = 30
    query_max_cost: int = 10_000
    rate_limit_points: Annotated[int, Field(ge=0)] = Field(
        600_000, description="Points by `@cost` that a key may spend a minute; 0 for no limit."
    )
    operations_maximum: Annotated[int, Field(ge=1)] = Field(
        200, description="Queries and mutations a process runs at a time; more are told to come back."
    )
    introspection: bool = Field(True, description="Answer introspection, and suggest names in errors.")
    persisted_operations: PersistedOperations = Field(
        PersistedOperations.ALLOW,
        description="off, allow, or only: nothing but the documents of schema/operations and of the file.",
    )
    trusted_documents: Path | None = Field(
        None, description="JSON file of your own trusted documents, id to text."
    )
    page_size_default: int = 20
    page_size_maximum: int = 100
    total_count_cap: int = 10_000
    subscription_keep_alive_seconds: float = 15.0
    stream_send_timeout_seconds: float = 10.0
    stream_reauthorise_seconds: float = 60.0
    graphiql: bool = True


class ContentSettings(_Group):
    """Limits of documents, searches and answers."""

    title_max_characters: int = 500
    tags_maximum: int = 50
    tag_max_characters: int = 100
    metadata_max_bytes: int = 16 * 1024
    metadata_max_depth: int = 8
    parse_cpu_seconds: int = 20
    parse_wall_seconds: float = 30.0
    parse_memory_bytes: int = 1024 * MIB
    parse_max_characters: int = 10_000_000
    parse_max_pages: int = 10_000
    chunk_overlap_tokens: int = 32
    search_candidates: Annotated[int, Field(ge=10, le=1000)] = Field(
        100, description="Hits asked of each leg."
    )
    search_query_max_characters: int = 2000
    search_patience_seconds: Annotated[float, Field(ge=0, le=25)] = 10.0
    keyword_timeout_ms: int = 1000
    keyword_index: KeywordStore = Field(
        KeywordStore.POSTGRESQL,
        description="Where words are looked up: postgresql, milvus, or both while one replaces the other.",
    )
    question_max_characters: int = 4000
    answer_passages: Annotated[int, Field(ge=1, le=50)] = 8
    filter_max_depth: int = 5
    filter_max_conditions: int = 50
    idempotency_hours: int = 24
    open_jobs_maximum: int = Field(50_000, description="Open jobs a workspace may have.")


class WorkerSettings(_Group):
    """How jobs are claimed, renewed and retried."""

    worker_job_concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    worker_answer_concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    job_lease_seconds: float = 20.0
    job_sweep_seconds: float = 2.0
    job_attempts_maximum: int = 8
    job_backoff_base_seconds: float = 2.0
    job_backoff_cap_seconds: float = 3600.0
    reindex_share: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Share of the time that a reindex works; the rest it leaves to others."
    )
    parse_crashes_maximum: int = 3
    stream_max_events: int = 5000
    stream_expire_seconds: int = 3600
    drain_seconds: float = 20.0
    drain_notice_seconds: Annotated[float, Field(ge=0)] = Field(
        0.0, description="How long /readyz says 503 before the API closes what is open; part of the drain."
    )
    reconcile_seconds: Annotated[float, Field(ge=0)] = Field(
        900.0, description="Pause between comparisons of the stores, over all workers; 0 turns them off."
    )
    reconcile_batch_documents: Annotated[int, Field(ge=1, le=10_000)] = 500
    reconcile_blob_grace_hours: Annotated[float, Field(ge=1)] = Field(
        24.0, description="Age at which bytes that no document took, or a broken upload left, are removed."
    )
    retention_seconds: Annotated[float, Field(gt=0)] = Field(
        3600.0, description="Pause between removals of old rows, over all workers."
    )
    tombstone_days: Annotated[float, Field(gt=0)] = Field(
        30.0, description="How long a deletion's receipt is kept after its end."
    )
    job_days: Annotated[float, Field(gt=0)] = Field(30.0, description="How long a job is kept after its end.")
    cached_vector_days: Annotated[float, Field(gt=1)] = Field(
        30.0, description="How long a vector is kept whose text nothing has any more."
    )
    worker_metrics_host: str = Field("127.0.0.1", description="Address of the worker's /metrics.")
    worker_metrics_port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        None, description="Port of the worker's /metrics and /livez; not served when absent."
    )
    worker_heartbeat_file: Path | None = Field(
        None, description="Touched while the worker lives; `worker.heartbeat` below home when absent."
    )


class ClientSettings(_Group):
    """Which Lorebase the command line talks to; what `up` wrote to credentials.json when absent."""

    url: str | None = Field(None, description="GraphQL endpoint, such as http://127.0.0.1:8000/graphql.")
    api_key: SecretStr | None = Field(None, description="API key of the workspace to work in.")
    client_timeout_seconds: float = 60.0


class ObservabilitySettings(_Group):
    """Logs and metrics."""

    log_level: str = "INFO"
    log_format: str = Field("json", pattern="^(json|text)$")


class Settings(
    StoreSettings,
    ModelSettings,
    EdgeSettings,
    ContentSettings,
    WorkerSettings,
    ClientSettings,
    ObservabilitySettings,
):
    """All settings, read once at the start of a process and passed on by constructors."""

    @model_validator(mode="after")
    def _remote_models_need_a_key(self) -> Settings:
        if (self.embedding_model or self.chat_model) and not (self.openai_api_key or self.openai_base_url):
            raise ValueError(
                "LOREBASE_EMBEDDING_MODEL and LOREBASE_CHAT_MODEL need OPENAI_API_KEY or OPENAI_BASE_URL."
            )
        return self

    @model_validator(mode="after")
    def _a_reranker_has_address_and_model(self) -> Settings:
        if (self.rerank_url is None) != (self.rerank_model is None):
            raise ValueError("LOREBASE_RERANK_URL and LOREBASE_RERANK_MODEL go together.")
        return self

    @property
    def generates(self) -> bool:
        """Whether the chat model follows instructions; the local one quotes and nothing else."""
        return self.chat_model is not None

    @property
    def keywords_in_milvus(self) -> bool:
        """Whether the weights of terms are kept as sparse vectors too."""
        return self.keyword_index is not KeywordStore.POSTGRESQL

    @property
    def reranks(self) -> bool:
        """Whether a reranker is configured."""
        return self.rerank_model is not None


@lru_cache
def get_settings() -> Settings:
    """The settings of this process; for entry points, everything else receives them."""
    return Settings()


def process_environment(overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """A copy of the environment for a child process, with `overrides` laid over it."""
    return {**os.environ, **(overrides or {})}


def disable_native_telemetry() -> None:
    """Keeps ONNX Runtime from reporting to its maker; it must run before onnxruntime is first imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
