"""What every row of the vector store says of its passage."""

from __future__ import annotations

from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import ChunkRow
from lorebase.services.embeddings.embedding_text import heading_path
from lorebase.services.indexes.index_content import IndexContent
from lorebase.services.indexes.indexed_fields import declared_metadata


def row_of(content: IndexContent, chunk: Chunk, made_by: str) -> ChunkRow:
    """The row of a passage without its vector; `made_by` names what makes that."""
    document, version = content.document, content.version
    return ChunkRow(
        chunk_id=chunk.id,
        workspace_id=document.workspace_id,
        knowledge_base_id=document.knowledge_base_id,
        document_id=document.id,
        version_id=version.id,
        generation=version.generation,
        ordinal=chunk.ordinal,
        embedding_version=made_by,
        source=version.file_name or document.external_id or document.title,
        context=heading_path(chunk.section),
        title=document.title,
        media_type=version.media_type,
        language=document.language,
        tags=document.tags,
        metadata=declared_metadata(document.metadata, content.knowledge_base.metadata_fields),
        page=chunk.page,
        token_count=chunk.token_count,
        created_at=document.created_at,
    )
