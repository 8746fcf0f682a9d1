"""The doctor's look at PostgreSQL, Redis, Milvus and the models, each by its own URL."""

from __future__ import annotations

from lorebase.cli.examining.doctor_findings import Finding, fail, ok, warn
from lorebase.cli.examining.redis_version import redis_version
from lorebase.clients.model_description import describe_embedding_model
from lorebase.clients.openai_connection import ModelConnections
from lorebase.clients.redis_streams import RedisEventStream
from lorebase.core.config import Settings
from lorebase.repositories.database import check_login_role, create_owner_engine
from lorebase.repositories.database_errors import translated_errors
from lorebase.repositories.migrations_runner import current_revision, head_revision, pending_migrations
from lorebase.repositories.milvus.connection import MilvusConnections

MIGRATE = "run `lorebase migrate`"


async def check_postgres(url: str) -> Finding:
    """Whether it answers, and its version."""
    engine = create_owner_engine(url)
    try:
        with translated_errors():
            async with engine.connect() as connection:
                # SQLAlchemy asks for it when it connects.
                version = connection.dialect.server_version_info or ()
    finally:
        await engine.dispose()
    return ok("PostgreSQL", ".".join(map(str, version)))


async def check_login(url: str) -> Finding:
    """Whether row-level security binds the application's login."""
    engine = create_owner_engine(url)
    try:
        await check_login_role(engine)
    finally:
        await engine.dispose()
    return ok("database login", "row-level security binds it")


async def check_migrations(url: str) -> Finding:
    """Whether the tables are those of this release."""
    engine = create_owner_engine(url)
    try:
        current = await current_revision(engine)
        pending = await pending_migrations(engine)
    finally:
        await engine.dispose()
    if pending:
        return fail("migrations", f"{len(pending)} missing: {', '.join(pending)}", MIGRATE)
    if current != head_revision():
        return warn("migrations", f"the database is ahead: {current}", "update Lorebase on this machine")
    return ok("migrations", f"current: {current}")


async def check_redis(url: str, settings: Settings) -> Finding:
    """Whether it answers, and its version."""
    stream = RedisEventStream(
        url, max_events=settings.stream_max_events, expire_seconds=settings.stream_expire_seconds
    )
    try:
        await stream.ping()
    finally:
        await stream.close()
    return ok("Redis", await redis_version(url) or "it answers; its version cannot be asked from here")


async def check_milvus(uri: str, settings: Settings) -> Finding:
    """Whether it answers, and its version."""
    token = settings.milvus_token.get_secret_value() if settings.milvus_token else None
    connections = MilvusConnections(uri, token, settings.milvus_timeout_seconds)
    try:
        connection = await connections.get()
        version = await connection.client.get_server_version(timeout=settings.milvus_timeout_seconds)
    finally:
        await connections.close()
    return ok("Milvus", str(version))


async def check_models(settings: Settings) -> Finding:
    """Whether the embedding model answers."""
    connections = ModelConnections(settings)
    try:
        model = await describe_embedding_model(connections, settings)
    finally:
        await connections.close()
    return ok("embedding model", f"{model.name} ({model.version}), {model.dimensions} dimensions")
