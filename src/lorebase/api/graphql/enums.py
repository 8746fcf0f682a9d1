"""Enums of the contract: the values that cross layers, with what clients read about them."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TypeVar

import strawberry
from strawberry.types.enum import has_enum_definition

from lorebase.schemas.answers import AnswerStatus, ConversationOrderField, FinishReason, MessageRole
from lorebase.schemas.documents import DocumentOrderField
from lorebase.schemas.documents import DocumentStatus as StoredDocumentStatus
from lorebase.schemas.jobs import Job, JobKind, JobOrderField, JobStage
from lorebase.schemas.knowledge_bases import KnowledgeBaseOrderField, MetadataFieldType, OrderDirection
from lorebase.schemas.reindex_gates import GateVerdict
from lorebase.schemas.retrieval_profiles import ExpansionMethod
from lorebase.schemas.search import QueryKind, SearchMode, SearchPart
from lorebase.schemas.workspaces import ApiScope, WorkspaceRole

EnumClass = TypeVar("EnumClass", bound=type[Enum])

__all__ = [
    "AnswerStatus",
    "ApiScope",
    "ConversationOrderField",
    "DocumentOrderField",
    "DocumentStatus",
    "ExpansionMethod",
    "FinishReason",
    "GateVerdict",
    "JobKind",
    "JobOrderField",
    "JobStage",
    "JobStatus",
    "KnowledgeBaseOrderField",
    "MessageRole",
    "MetadataFieldType",
    "OrderDirection",
    "QueryKind",
    "SearchMode",
    "SearchPart",
    "UserErrorCode",
    "WorkspaceRole",
    "document_status",
    "job_status",
    "stored_document_status",
]


def _describe(enum_class: EnumClass, description: str, **values: str) -> EnumClass:
    described = strawberry.enum(enum_class, description=description)
    if not has_enum_definition(described):
        raise TypeError(f"{enum_class.__name__} is no enum")
    definition = described.__strawberry_definition__
    # A value without a description is one that nothing delivers yet: it is not declared.
    definition.values = [value for value in definition.values if value.name in values]
    for value in definition.values:
        value.description = values[value.name]
    return enum_class


class DocumentStatus(StrEnum):
    """Where the latest version of a document is in its life, as clients see it."""

    FAILED = "FAILED"
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    QUARANTINED = "QUARANTINED"
    READY = "READY"


class JobStatus(StrEnum):
    """State of a job, as clients see it: waiting after a failure is RETRYING."""

    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    QUEUED = "QUEUED"
    RETRYING = "RETRYING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"


class UserErrorCode(StrEnum):
    """Codes of expected mutation failures."""

    BLANK = "BLANK"
    CONFLICT = "CONFLICT"
    FORBIDDEN = "FORBIDDEN"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    INVALID = "INVALID"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    TOO_LARGE = "TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    WRONG_STATE = "WRONG_STATE"


def document_status(stored: StoredDocumentStatus) -> DocumentStatus:
    """The public name of a stored status; documents being deleted are never shown."""
    if stored is StoredDocumentStatus.ACCEPTED:
        return DocumentStatus.PENDING
    return DocumentStatus(stored.value)


def stored_document_status(status: DocumentStatus) -> StoredDocumentStatus:
    """The stored name of a public status."""
    if status is DocumentStatus.PENDING:
        return StoredDocumentStatus.ACCEPTED
    return StoredDocumentStatus(status.value)


def job_status(job: Job) -> JobStatus:
    """The public state of a job."""
    return JobStatus.RETRYING if job.is_retrying else JobStatus(job.status.value)


_describe(
    UserErrorCode,
    "Codes of expected mutation failures. New codes may be added; treat unknown codes as generic failures.",
    BLANK="A required value is blank.",
    CONFLICT="The object changed since the given `expectedVersion`, or a unique value is taken.",
    FORBIDDEN="The caller may see the object but not do this to it.",
    IDEMPOTENCY_MISMATCH="The idempotency key was used before with different input.",
    INVALID="The value does not have the required form.",
    LIMIT_EXCEEDED="A quota was reached.",
    NOT_FOUND="A referenced object does not exist or is not visible to the caller.",
    TOO_LARGE="The value or file is too large.",
    UNSUPPORTED_MEDIA_TYPE="The file type cannot be ingested.",
    WRONG_STATE="The object is not in a state that allows this.",
)
_describe(
    ApiScope,
    "What an API key may do.",
    ADMIN="Manage members, keys and settings.",
    ASK="Ask questions and read answers.",
    READ="Read and search.",
    WRITE="Create, change and delete content.",
)
_describe(OrderDirection, "Sort direction.", ASC="Smallest first.", DESC="Largest first.")
_describe(
    WorkspaceRole,
    "Role of a member.",
    ADMIN="Manages the workspace.",
    EDITOR="Changes content.",
    VIEWER="Reads and asks.",
)
_describe(
    DocumentStatus,
    "Where the latest version of a document is in its life.",
    FAILED="The latest ingestion failed.",
    PENDING="Waiting for ingestion.",
    PROCESSING="Being parsed, chunked or embedded.",
    QUARANTINED="Refused for good: parsing it keeps failing.",
    READY="Searchable.",
)
_describe(
    JobStatus,
    "State of a background job.",
    CANCELLED="Stopped on request.",
    FAILED="Ended with an error.",
    QUEUED="Waiting for a worker.",
    RETRYING="Failed once and waiting for its next attempt.",
    RUNNING="A worker has it.",
    SUCCEEDED="Finished.",
)
_describe(
    JobKind,
    "What a job does.",
    ANSWER="Answers a question.",
    DELETE="Removes content and its vectors.",
    EVALUATE="Measures an index with an evaluation set.",
    INGEST="Parses, chunks and embeds a document version.",
    REINDEX="Embeds a whole knowledge base again with another model version.",
    SYNC_METADATA="Brings the indexes in line with a document: changed metadata, lost vectors.",
)
_describe(
    JobStage,
    "Step within a job.",
    CHUNK="Splitting text.",
    EMBED="Computing vectors.",
    FETCH="Reading the source.",
    INDEX="Writing vectors.",
    PARSE="Extracting text.",
)
_describe(
    SearchMode,
    "How candidates are found.",
    HYBRID="Vector and keyword results, fused.",
    KEYWORD="Full-text only.",
    VECTOR="Embedding similarity only.",
)
_describe(
    SearchPart,
    "A part of a search that may be left out. New ones may be added.",
    EXPANSION="What the chat model adds to the query: it failed or was late, the plain query was searched.",
    KEYWORD="The keyword leg.",
    RERANK="Reranking.",
)
_describe(
    QueryKind,
    "Where a query that was searched came from. New ones may be added.",
    HYPOTHETICAL="A passage that the chat model made up; only its vector is searched for.",
    ORIGINAL="The caller.",
    REWRITTEN="The chat model: a clearer wording.",
    VARIANT="The chat model: other words for the same.",
)
_describe(
    ExpansionMethod,
    "What a chat model adds to a query before it is searched. New ones may be added.",
    HYDE="A made-up passage, for the vector leg.",
    MULTI_QUERY="Several queries in other words.",
    NONE="Nothing: no chat model is asked.",
    REWRITE="A clearer wording.",
)
_describe(
    GateVerdict,
    "What a gate of a reindex decided.",
    PASSED="The new index finds what the old one found, within what is accepted.",
    REFUSED="The new index finds less: searches stay on the old one.",
)
_describe(MessageRole, "Author of a message.", ASSISTANT="The model.", USER="A person or API client.")
_describe(
    AnswerStatus,
    "State of an answer.",
    CANCELLED="Stopped on request.",
    COMPLETED="Finished.",
    FAILED="Ended with an error.",
    GENERATING="Tokens are being produced.",
    QUEUED="Waiting for a worker.",
    RETRIEVING="Searching for evidence.",
)
_describe(
    FinishReason,
    "Why generation ended.",
    CANCELLED="Stopped on request.",
    CONTENT_FILTER="Withheld by a policy.",
    LENGTH="Token limit reached.",
    NO_EVIDENCE="Nothing relevant enough was found.",
    STOP="The model ended its answer.",
)
_describe(
    MetadataFieldType,
    "Type of a declared metadata field.",
    BOOLEAN="True or false.",
    DATE_TIME="RFC 3339 timestamp.",
    NUMBER="Number.",
    STRING="Text.",
    STRING_LIST="List of texts.",
)
_describe(
    DocumentOrderField,
    "Fields that Document lists can be ordered by.",
    CREATED_AT="Creation time.",
    TITLE="Title, case-insensitive.",
    UPDATED_AT="Last change.",
)
_describe(
    KnowledgeBaseOrderField,
    "Fields that KnowledgeBase lists can be ordered by.",
    CREATED_AT="Creation time.",
    NAME="Name, case-insensitive.",
)
_describe(
    ConversationOrderField,
    "Fields that Conversation lists can be ordered by.",
    CREATED_AT="Creation time.",
    LAST_MESSAGE_AT="Time of the newest message.",
)
_describe(
    JobOrderField,
    "Fields that Job lists can be ordered by.",
    CREATED_AT="Creation time.",
    UPDATED_AT="Last change.",
)
