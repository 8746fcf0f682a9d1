"""Thousands of rows, made by PostgreSQL itself: enough for the planner to care."""

from __future__ import annotations

from uuid import UUID

from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Tenant

_STEPS = (
    """
    INSERT INTO documents (workspace_id, id, knowledge_base_id, external_id, title, title_key, title_sort,
        tags, metadata, metadata_leaves, media_type, status, generation, live_generation, version, created_at,
        updated_at)
    SELECT $1, uuidv7(), $2, 'x' || n, 'T' || n % 500, 't' || n % 500, 't' || n % 500, '{}', '{}', '{}',
        'text/plain', 'READY', 1, 1, 1, now() - n * interval '1 minute', now() - n % 777 * interval '1 minute'
    FROM generate_series(1, 2000) AS n WHERE $2::uuid IS NOT NULL
    """,
    """
    INSERT INTO blobs (workspace_id, key, document_id, byte_size)
    SELECT workspace_id, id::text, id, 100 FROM documents WHERE workspace_id = $1 AND knowledge_base_id = $2
    """,
    """
    INSERT INTO document_versions (workspace_id, id, document_id, number, generation, blob_key, media_type,
        byte_size, content_hash)
    SELECT workspace_id, uuidv7(), id, 1, 1, id::text, 'text/plain', 100, 'h'
    FROM documents WHERE workspace_id = $1 AND knowledge_base_id = $2
    """,
    """
    INSERT INTO chunks (workspace_id, id, document_id, version_id, generation, ordinal, start_offset,
        end_offset, section, section_path, section_key, token_count, text)
    SELECT v.workspace_id, uuidv7(), document_id, id, 1, n, 0, 10, '{}', '', '', 3, 'passage'
    FROM document_versions AS v, generate_series(0, 4) AS n WHERE workspace_id = $1 AND $2::uuid IS NOT NULL
    """,
    """
    INSERT INTO index_documents (workspace_id, index_id, document_id, generation, chunk_count)
    SELECT workspace_id, $2, id, 1, 5 FROM documents WHERE workspace_id = $1
    """,
    """
    INSERT INTO jobs (workspace_id, id, kind, status, lane, subject_type, subject_id, generation, trace_id,
        parameters, lease_expires_at, finished_at, created_at, updated_at)
    SELECT workspace_id, uuidv7(), 'INGEST', status, 'documents', 'Document', id, 1, '', '{}',
        CASE status WHEN 'RUNNING' THEN now() + interval '1 hour' END,
        CASE status WHEN 'SUCCEEDED' THEN now() END, created_at, updated_at
    FROM (
        SELECT workspace_id, id, created_at, updated_at, CASE substr(external_id, length(external_id))
            WHEN '1' THEN 'QUEUED' WHEN '2' THEN 'RUNNING' ELSE 'SUCCEEDED' END AS status
        FROM documents WHERE workspace_id = $1 AND $2::uuid IS NOT NULL
    ) AS made
    """,
    """
    INSERT INTO conversations (workspace_id, id, title, title_key, last_message_at, created_at)
    SELECT $1, uuidv7(), 'c', 'c', now() - n * interval '1 hour', now() - n * interval '2 hours'
    FROM generate_series(1, 1500) AS n WHERE $2::uuid IS NOT NULL
    """,
    """
    INSERT INTO conversation_knowledge_bases (workspace_id, conversation_id, position, knowledge_base_id)
    SELECT workspace_id, id, 0, $2 FROM conversations WHERE workspace_id = $1
    """,
    """
    INSERT INTO messages (workspace_id, id, conversation_id, position, role, text)
    SELECT workspace_id, uuidv7(), id, n, 'USER', 'm' FROM conversations, generate_series(1, 3) AS n
    WHERE workspace_id = $1 AND $2::uuid IS NOT NULL
    """,
    """
    INSERT INTO api_keys (workspace_id, id, name, prefix, digest, scopes, created_at)
    SELECT id, uuidv7(), 'k', 'lb_', sha256((id::text || n)::bytea), '{READ}', now() - n * interval '1 minute'
    FROM workspaces, generate_series(1, 2000) AS n WHERE id = $1 AND $2::uuid IS NOT NULL
    """,
    """
    INSERT INTO keyword_postings
    SELECT workspace_id, 1, t + (hashtext(id::text) & 255) * 5, id, document_id, $2, 1
    FROM chunks, generate_series(1, 5) AS t WHERE workspace_id = $1
    """,
)
_USES_INDEX = 4


async def load(urls: DatabaseUrls, tenant: Tenant) -> None:
    """Fills the tenant's workspace; `analyse` afterwards."""
    owner = await connect(urls.owner)
    try:
        for number, step in enumerate(_STEPS):
            second: UUID = tenant.index_id if number == _USES_INDEX else tenant.knowledge_base_id
            await owner.execute(step, tenant.workspace_id, second)
    finally:
        await owner.close()


async def analyse(urls: DatabaseUrls) -> None:
    """Gives the planner its statistics."""
    owner = await connect(urls.owner)
    try:
        await owner.execute("VACUUM ANALYZE")
    finally:
        await owner.close()
