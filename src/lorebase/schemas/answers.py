"""Conversations, answers and their evidence."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lorebase.core.errors import ErrorCode
from lorebase.schemas.base import Value
from lorebase.schemas.search import SearchHit, SearchRequest, TextRange


class AnswerStatus(StrEnum):
    """State of an answer."""

    QUEUED = "QUEUED"
    RETRIEVING = "RETRIEVING"
    GENERATING = "GENERATING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


TERMINAL_ANSWER_STATUSES = frozenset({AnswerStatus.COMPLETED, AnswerStatus.FAILED, AnswerStatus.CANCELLED})


class FinishReason(StrEnum):
    """Why generation ended."""

    CANCELLED = "CANCELLED"
    CONTENT_FILTER = "CONTENT_FILTER"
    LENGTH = "LENGTH"
    NO_EVIDENCE = "NO_EVIDENCE"
    STOP = "STOP"


class MessageRole(StrEnum):
    """Author of a message."""

    ASSISTANT = "ASSISTANT"
    USER = "USER"


class ConversationOrderField(StrEnum):
    """Fields that lists of conversations can be ordered by."""

    CREATED_AT = "CREATED_AT"
    LAST_MESSAGE_AT = "LAST_MESSAGE_AT"


class ConversationOrder(Value):
    """Ordering of conversations; ties are broken by id."""

    field: ConversationOrderField = ConversationOrderField.CREATED_AT
    descending: bool = True


class Conversation(Value):
    """A thread of questions and answers over some knowledge bases."""

    id: UUID
    workspace_id: UUID
    title: str
    knowledge_base_ids: tuple[UUID, ...]
    created_at: datetime
    updated_at: datetime


class Message(Value):
    """One message; `answer_id` on assistant messages, whose text grows while the answer is produced."""

    id: UUID
    workspace_id: UUID
    conversation_id: UUID
    role: MessageRole
    text: str
    answer_id: UUID | None
    created_at: datetime
    updated_at: datetime


class AnswerError(Value):
    """Why an answer failed, fit for end users."""

    code: ErrorCode
    message: str
    retryable: bool


class AnswerSentence(Value):
    """A sentence of the answer text and how well its citations bear it out, 0 to 1."""

    range: TextRange
    support: float
    citation_indexes: tuple[int, ...]


class AnswerTimings(Value):
    """Milliseconds by step, from the question."""

    first_token_ms: int
    retrieval_ms: int
    total_ms: int


class TokenUsage(Value):
    """Tokens given and generated."""

    prompt_tokens: int
    completion_tokens: int


class Citation(Value):
    """A claim's evidence.

    `range` is in the answer text, `document_range` in the extracted text of the version cited, where `quote`
    stands word for word.
    """

    index: int
    chunk_id: UUID
    version_id: UUID
    quote: str
    range: TextRange
    document_range: TextRange


class Answer(Value):
    """An answer, produced by a job and complete in PostgreSQL before its last event is sent."""

    id: UUID
    workspace_id: UUID
    conversation_id: UUID
    message_id: UUID
    job_id: UUID
    status: AnswerStatus
    text: str
    question: str
    retrieval: SearchRequest
    max_tokens: int | None
    finish_reason: FinishReason | None
    model: str | None
    prompt: str | None
    error: AnswerError | None
    retrieved: tuple[SearchHit, ...]
    citations: tuple[Citation, ...]
    sentences: tuple[AnswerSentence, ...]
    support: float | None
    timings: AnswerTimings | None
    usage: TokenUsage | None
    event_sequence: int
    trace_id: str
    created_at: datetime
    updated_at: datetime

    @property
    def is_terminal(self) -> bool:
        """Whether the answer will not change any more."""
        return self.status in TERMINAL_ANSWER_STATUSES


class Ask(Value):
    """What is asked of `ask`; a new conversation over the given knowledge bases when none is named."""

    question: str
    conversation_id: UUID | None = None
    retrieval: SearchRequest | None = None
    max_tokens: int | None = None
    idempotency_key: str | None = None


class Asked(Value):
    """The persisted question: its answer is queued."""

    conversation: Conversation
    message: Message
    answer: Answer


class StandaloneQuestion(Value):
    """Structured output of the model that rewrites a follow-up question."""

    standalone_question: str
