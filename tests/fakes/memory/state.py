"""All rows of the database in memory. Values are immutable, so a copy of the tables is a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from uuid import UUID

from lorebase.schemas.analysers import FIRST_ANALYSER, RegisteredAnalyser
from lorebase.schemas.answers import Answer, Conversation, Message
from lorebase.schemas.documents import Chunk, DeletionReceipt, Document, DocumentVersion
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel
from lorebase.schemas.evaluations import CaseResult, EvaluationCase, EvaluationRun, EvaluationSet
from lorebase.schemas.jobs import Job
from lorebase.schemas.knowledge_bases import KnowledgeBase
from lorebase.schemas.search import KeywordPosting
from lorebase.schemas.workspaces import ApiKey, Membership, Workspace

CAP = 10_000
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """An API key with its hash."""

    key: ApiKey
    digest: bytes


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that belongs to a document."""

    workspace_id: UUID
    document_id: UUID
    key: str


@dataclass(frozen=True, slots=True)
class StoredPostings:
    """A document's postings of one analyser version."""

    workspace_id: UUID
    knowledge_base_id: UUID
    postings: tuple[KeywordPosting, ...]


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """What an index holds of a document."""

    workspace_id: UUID
    generation: int
    chunk_count: int
    posting_count: int | None = None


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """A mutation under a caller's key."""

    mutation: str
    fingerprint: bytes
    result: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Who is at a task until when, and when it was last done."""

    holder: UUID | None
    lease_expires_at: datetime | None
    finished_at: datetime | None


def first_analyser() -> dict[int, RegisteredAnalyser]:
    """What the migration leaves: kw1, the default."""
    known = RegisteredAnalyser(version=FIRST_ANALYSER, is_default=True, deprecated_at=None, created_at=_EPOCH)
    return {FIRST_ANALYSER: known}


@dataclass(slots=True)
class State:
    """The tables."""

    workspaces: dict[UUID, Workspace] = field(default_factory=dict)
    memberships: dict[UUID, Membership] = field(default_factory=dict)
    keys: dict[UUID, StoredKey] = field(default_factory=dict)
    knowledge_bases: dict[UUID, KnowledgeBase] = field(default_factory=dict)
    models: dict[UUID, EmbeddingModel] = field(default_factory=dict)
    analysers: dict[int, RegisteredAnalyser] = field(default_factory=first_analyser)
    indexes: dict[UUID, EmbeddingIndex] = field(default_factory=dict)
    retired: dict[UUID, datetime] = field(default_factory=dict)
    index_documents: dict[tuple[UUID, UUID], IndexedDocument] = field(default_factory=dict)
    vectors: dict[tuple[UUID, UUID, bytes], tuple[float, ...]] = field(default_factory=dict)
    documents: dict[UUID, Document] = field(default_factory=dict)
    versions: dict[UUID, DocumentVersion] = field(default_factory=dict)
    texts: dict[UUID, str] = field(default_factory=dict)
    blobs: dict[str, StoredBlob] = field(default_factory=dict)
    receipts: dict[UUID, DeletionReceipt] = field(default_factory=dict)
    chunks: dict[UUID, tuple[Chunk, ...]] = field(default_factory=dict)
    generations: dict[UUID, int] = field(default_factory=dict)
    postings: dict[tuple[UUID, int], StoredPostings] = field(default_factory=dict)
    jobs: dict[UUID, Job] = field(default_factory=dict)
    leases: dict[UUID, datetime] = field(default_factory=dict)
    conversations: dict[UUID, Conversation] = field(default_factory=dict)
    messages: dict[UUID, Message] = field(default_factory=dict)
    answers: dict[UUID, Answer] = field(default_factory=dict)
    periodic: dict[str, PeriodicTask] = field(default_factory=dict)
    evaluation_sets: dict[UUID, EvaluationSet] = field(default_factory=dict)
    evaluation_cases: dict[UUID, tuple[EvaluationCase, ...]] = field(default_factory=dict)
    evaluation_runs: dict[UUID, EvaluationRun] = field(default_factory=dict)
    evaluation_results: dict[UUID, tuple[CaseResult, ...]] = field(default_factory=dict)
    deleted_bases: dict[UUID, datetime] = field(default_factory=dict)
    vectors_used: dict[tuple[UUID, UUID, bytes], datetime] = field(default_factory=dict)
    calls: dict[tuple[UUID, UUID, str], IdempotentCall] = field(default_factory=dict)

    def copy(self) -> State:
        """The tables as they are now; rows are shared."""
        return replace(self, **{table.name: dict(getattr(self, table.name)) for table in fields(self)})


def in_any_order(ids: Sequence[UUID]) -> list[UUID]:
    """Ids, each once: queries by many ids answer in no particular order."""
    return sorted(set(ids), reverse=True)
