"""Knowledge bases: collections of documents that are searched as one."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lorebase.schemas.base import Value
from lorebase.schemas.parsing import ChunkingRules


class OrderDirection(StrEnum):
    """Sort direction."""

    ASC = "ASC"
    DESC = "DESC"


class KnowledgeBaseOrderField(StrEnum):
    """Fields that lists of knowledge bases can be ordered by."""

    CREATED_AT = "CREATED_AT"
    NAME = "NAME"


class KnowledgeBaseOrder(Value):
    """Ordering of knowledge bases; ties are broken by id."""

    field: KnowledgeBaseOrderField = KnowledgeBaseOrderField.CREATED_AT
    direction: OrderDirection = OrderDirection.DESC


class MetadataFieldType(StrEnum):
    """Type of a declared metadata field."""

    BOOLEAN = "BOOLEAN"
    DATE_TIME = "DATE_TIME"
    NUMBER = "NUMBER"
    STRING = "STRING"
    STRING_LIST = "STRING_LIST"


class MetadataField(Value):
    """A metadata key that documents may carry and filters may name, by its dotted path."""

    path: str
    type: MetadataFieldType
    required: bool = False
    description: str | None = None


class KnowledgeBase(Value):
    """A collection of documents. `version` grows with every change."""

    id: UUID
    workspace_id: UUID
    slug: str
    name: str
    description: str | None
    chunking: ChunkingRules
    metadata_fields: tuple[MetadataField, ...]
    active_index_id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


class KnowledgeBaseStats(Value):
    """Counts; bytes are those of the sources."""

    document_count: int
    chunk_count: int
    storage_bytes: int


class FacetValue(Value):
    """A value as text, and how many documents carry it."""

    value: str
    count: int


class CreateKnowledgeBase(Value):
    """What is asked of `createKnowledgeBase`."""

    name: str
    slug: str | None = None
    description: str | None = None
    embedding_model_id: UUID | None = None
    chunk_max_tokens: int | None = None
    chunk_overlap_tokens: int = 32
    metadata_fields: tuple[MetadataField, ...] = ()
    idempotency_key: str | None = None


class UpdateKnowledgeBase(Value):
    """Changes to a knowledge base. A field that was not given (`model_fields_set`) stays as it is."""

    id: UUID
    name: str | None = None
    description: str | None = None
    metadata_fields: tuple[MetadataField, ...] | None = None
    expected_version: int | None = None
    idempotency_key: str | None = None
