"""What is stored where, and where PostgreSQL, the vector store and the blob store disagree."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.base import Value
from lorebase.schemas.documents import DocumentStatus

TOMBSTONES = frozenset({DocumentStatus.DELETING, DocumentStatus.DELETED})


class DriftKind(StrEnum):
    """A way to disagree. What is missing or stuck is lost to users; orphans only take room."""

    MISSING_VECTORS = "missing vectors"
    SURPLUS_VECTORS = "surplus vectors"
    WRONG_COUNTS = "wrong counts"
    ORPHANS_OF_DELETED = "vectors of deleted documents"
    ORPHANS_OF_OLD_GENERATIONS = "vectors of old generations"
    ORPHANS_OF_UNFINISHED = "vectors of unfinished ingestions"
    ORPHANS_OF_UNKNOWN = "vectors of unknown documents"
    STUCK_DOCUMENTS = "stuck documents"
    MISSING_BLOBS = "missing blobs"
    ORPHAN_BLOBS = "orphan blobs"
    UNFINISHED_UPLOADS = "unfinished uploads"


ORPHANS = frozenset(
    {
        DriftKind.ORPHANS_OF_DELETED,
        DriftKind.ORPHANS_OF_OLD_GENERATIONS,
        DriftKind.ORPHANS_OF_UNFINISHED,
        DriftKind.ORPHANS_OF_UNKNOWN,
        DriftKind.SURPLUS_VECTORS,
        DriftKind.ORPHAN_BLOBS,
        DriftKind.UNFINISHED_UPLOADS,
    }
)


class Held(Value):
    """What an index is recorded to hold of a document; `posting_count` is None where it was never counted."""

    generation: int
    chunk_count: int
    posting_count: int | None = None


class StoredDocument(Value):
    """A document, tombstone or not, as far as it says which vectors there should be.

    `chunk_count` is that of the live generation. `busy`: a job about it or its knowledge base is open.
    `postings` are those that there are, by analyser version; no repository counts them, the comparison does.
    """

    id: UUID
    knowledge_base_id: UUID
    status: DocumentStatus
    generation: int
    live_generation: int | None
    chunk_count: int
    busy: bool
    held: Mapping[UUID, Held]
    postings: Mapping[int, int] = Field(default_factory=dict)


class IndexPlace(Value):
    """An index of a knowledge base and the collection of its vectors; the active one must be complete.

    `analyser_version` made its words.
    """

    index_id: UUID
    knowledge_base_id: UUID
    collection: str
    active: bool
    analyser_version: int = FIRST_ANALYSER


class Drift(Value):
    """One disagreement about a document in a collection, or about a blob; `vectors` are those at fault."""

    kind: DriftKind
    document_id: UUID | None = None
    collection: str | None = None
    generation: int | None = None
    vectors: int = 0
    blob_key: str | None = None


class DriftCount(Value):
    """How often a kind was found and mended; what a job mends counts when the job was added."""

    kind: DriftKind
    found: int = 0
    repaired: int = 0
    vectors: int = 0


class DriftReport(Value):
    """What the comparison of one workspace found; `examples` are the first few.

    `jobs` were added to mend; `capped` says that more are needed, for a next run to add.
    """

    workspace_id: UUID
    documents: int = 0
    vectors: int = 0
    blobs: int = 0
    counts: tuple[DriftCount, ...] = ()
    examples: tuple[Drift, ...] = ()
    jobs: tuple[UUID, ...] = ()
    capped: bool = False

    @property
    def found(self) -> int:
        """All disagreements."""
        return sum(count.found for count in self.counts)

    @property
    def repaired(self) -> int:
        """Those that were mended or are being mended."""
        return sum(count.repaired for count in self.counts)
