"""Embedding models and the indexes built with them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lorebase.schemas.base import Value


class EmbeddingModel(Value):
    """A model version. `collection` is the one Milvus collection that holds its vectors.

    `provider` is `local` (the model server beside us) or `openai` (any OpenAI-compatible server).
    """

    id: UUID
    name: str
    provider: str
    version: str
    dimensions: int
    max_input_tokens: int
    collection: str
    deprecated_at: datetime | None
    created_at: datetime
    updated_at: datetime


class EmbeddingIndex(Value):
    """The vectors of a knowledge base for one model version."""

    id: UUID
    workspace_id: UUID
    knowledge_base_id: UUID
    model: EmbeddingModel
    job_id: UUID | None
    chunk_count: int
    document_count: int
    progress: float
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Embeddings(Value):
    """Vectors of unit length in the order of the texts, and the tokens they cost."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: int
