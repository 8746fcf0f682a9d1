"""The real parts for integration tests: one PostgreSQL, one Valkey, one Milvus owner a session."""

from tests.integration.embedded_parts import (  # noqa: F401
    embedded_session,
    milvus_uri,
    postgres_url,
    redis_url,
)
