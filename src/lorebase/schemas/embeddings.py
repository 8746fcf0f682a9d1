"""Embedding models and the indexes built with them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.base import Value
from lorebase.schemas.reindex_gates import ReindexGate


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
    """What searches read of a knowledge base: vectors of one model version, words of one analyser version.

    `completed_at`: when it was verified to hold every document; from then on it can be activated and every
    writer keeps it so. `activated_at`: when searches last began to use it.
    """

    id: UUID
    workspace_id: UUID
    knowledge_base_id: UUID
    model: EmbeddingModel
    analyser_version: int = FIRST_ANALYSER
    job_id: UUID | None
    chunk_count: int
    document_count: int
    progress: float
    completed_at: datetime | None = None
    activated_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_complete(self) -> bool:
        """Whether it holds every document, so that searches may use it."""
        return self.completed_at is not None


class RegisteredModel(Value):
    """A model as operators see it: `is_default` when new knowledge bases use it unless they name another."""

    model: EmbeddingModel
    is_default: bool


class NewIndex(Value):
    """An index to be built beside those that a knowledge base has, by the job of this id."""

    id: UUID
    knowledge_base_id: UUID
    model_id: UUID
    analyser_version: int = FIRST_ANALYSER
    job_id: UUID


class HeldDocument(Value):
    """What an index is recorded to hold of a document; `posting_count` is None where it was never counted."""

    document_id: UUID
    generation: int
    chunk_count: int
    posting_count: int | None = None


class RetiredIndex(Value):
    """An index that nobody sees or writes to any more, until what only it uses is gone.

    `collection` and `analyser_version` are None when another index of the knowledge base, a retired one
    perhaps, uses the same vectors or words.
    """

    id: UUID
    knowledge_base_id: UUID
    collection: str | None
    analyser_version: int | None
    was_active: bool
    retired_at: datetime


class ReindexKnowledgeBase(Value):
    """What is asked of `reindexKnowledgeBase`; what is left out stays as the active index has it."""

    id: UUID
    embedding_model_id: UUID | None = None
    analyser: str | None = None
    activate_on_success: bool = True
    gate: ReindexGate | None = None
    idempotency_key: str | None = None


class ModelWish(Value):
    """An embedding model as an operator describes it; what is None is asked of whoever serves it."""

    name: str
    provider: str
    version: str | None = None
    dimensions: int | None = None
    max_input_tokens: int | None = None


class Embeddings(Value):
    """Vectors of unit length in the order of the texts, and the tokens they cost."""

    vectors: tuple[tuple[float, ...], ...]
    tokens: int
