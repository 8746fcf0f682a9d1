"""What mutations of embedding indexes give back."""

from __future__ import annotations

from uuid import UUID

from lorebase.schemas.base import Value
from lorebase.schemas.embeddings import EmbeddingIndex
from lorebase.schemas.jobs import Job


class ReindexedKnowledgeBase(Value):
    """The index that is being built, and the job that builds it."""

    index: EmbeddingIndex
    job: Job


class DeletedIndex(Value):
    """What was given up, and the job that removes its vectors."""

    index_id: UUID
    job: Job
