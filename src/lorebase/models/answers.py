"""Tables of conversations, messages, answers and citations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from lorebase.models.base import (
    belongs_to_workspace,
    metadata,
    one_of,
    reference,
    tenant_identity,
    timestamps,
    workspace_column,
)
from lorebase.schemas.answers import AnswerStatus, FinishReason, MessageRole

conversations = Table(
    "conversations",
    metadata,
    *tenant_identity(),
    Column("title", Text, nullable=False),
    Column("title_key", Text, nullable=False),
    Column("message_count", Integer, nullable=False, server_default=text("0")),
    Column("last_message_at", DateTime(timezone=True), nullable=False),
    *timestamps(),
    belongs_to_workspace("conversations"),
    Index("ix_conversations_created_at", "workspace_id", "created_at", "id"),
    Index("ix_conversations_last_message_at", "workspace_id", "last_message_at", "id"),
)

conversation_knowledge_bases = Table(
    "conversation_knowledge_bases",
    metadata,
    workspace_column(),
    Column("conversation_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("knowledge_base_id", Uuid, nullable=False),
    PrimaryKeyConstraint("workspace_id", "conversation_id", "position"),
    reference(
        "conversation_knowledge_bases_conversation", "conversations", {"conversation_id": "id"}, cascade=True
    ),
    reference("conversation_knowledge_bases_knowledge_base", "knowledge_bases", {"knowledge_base_id": "id"}),
    Index("ix_conversation_knowledge_bases_knowledge_base", "workspace_id", "knowledge_base_id"),
)

messages = Table(
    "messages",
    metadata,
    *tenant_identity(),
    Column("conversation_id", Uuid, nullable=False),
    # Counts from 1 within the conversation: times alone could tie.
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("answer_id", Uuid),
    *timestamps(),
    reference("messages_conversation", "conversations", {"conversation_id": "id"}, cascade=True),
    # The message that shows an answer and the answer are made together, each naming the other.
    reference("messages_answer", "answers", {"answer_id": "id"}, deferred=True),
    UniqueConstraint("workspace_id", "conversation_id", "position", name="uq_messages_position"),
    one_of("role", MessageRole),
    CheckConstraint("answer_id IS NULL OR role = 'ASSISTANT'", name="answer"),
    Index("ix_messages_answer", "workspace_id", "answer_id"),
)

answers = Table(
    "answers",
    metadata,
    *tenant_identity(),
    Column("conversation_id", Uuid, nullable=False),
    Column("message_id", Uuid, nullable=False),
    Column("job_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("question", Text, nullable=False),
    Column("retrieval", JSONB, nullable=False),
    Column("max_tokens", Integer),
    Column("finish_reason", Text),
    Column("model", Text),
    Column("prompt", Text),
    Column("error", JSONB(none_as_null=True)),
    Column("retrieved", JSONB, nullable=False),
    Column("sentences", JSONB, nullable=False),
    Column("support", Double),
    Column("timings", JSONB(none_as_null=True)),
    Column("usage", JSONB(none_as_null=True)),
    Column("event_sequence", BigInteger, nullable=False),
    Column("trace_id", Text, nullable=False),
    *timestamps(),
    reference("answers_conversation", "conversations", {"conversation_id": "id"}, deferred=True),
    reference("answers_message", "messages", {"message_id": "id"}, deferred=True),
    reference("answers_job", "jobs", {"job_id": "id"}, deferred=True),
    UniqueConstraint("workspace_id", "message_id", name="uq_answers_message"),
    one_of("status", AnswerStatus),
    one_of("finish_reason", FinishReason),
    CheckConstraint("status <> 'COMPLETED' OR finish_reason IS NOT NULL", name="completed_has_reason"),
    CheckConstraint("status <> 'FAILED' OR error IS NOT NULL", name="failed_has_error"),
    Index("ix_answers_conversation", "workspace_id", "conversation_id"),
    Index("ix_answers_job", "workspace_id", "job_id"),
)

# Versions and chunks are named without a reference: what is cited may be deleted, the citation stays.
citations = Table(
    "citations",
    metadata,
    workspace_column(),
    Column("answer_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("index", Integer, nullable=False),
    Column("chunk_id", Uuid, nullable=False),
    Column("version_id", Uuid, nullable=False),
    Column("quote", Text, nullable=False),
    Column("range_start", Integer, nullable=False),
    Column("range_end", Integer, nullable=False),
    Column("document_start", Integer, nullable=False),
    Column("document_end", Integer, nullable=False),
    PrimaryKeyConstraint("workspace_id", "answer_id", "position"),
    reference("citations_answer", "answers", {"answer_id": "id"}, cascade=True),
)
