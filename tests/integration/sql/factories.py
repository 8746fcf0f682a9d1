"""Rows for the tests of repositories, made through the repositories."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.repositories.database import create_owner_engine
from lorebase.repositories.sql.analysers import SqlAnalyserRegistry
from lorebase.repositories.sql.embedding_registry import SqlEmbeddingRegistry
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.answers import Answer, AnswerStatus, Conversation, Message, MessageRole
from lorebase.schemas.documents import Chunk, Document, DocumentStatus, DocumentVersion
from lorebase.schemas.embeddings import EmbeddingIndex, EmbeddingModel, NewIndex, ReindexKnowledgeBase
from lorebase.schemas.jobs import JobKind, JobLane, JobSubjectType, NewJob
from lorebase.schemas.knowledge_bases import KnowledgeBase, MetadataField
from lorebase.schemas.parsing import ChunkingRules
from lorebase.schemas.search import SearchRequest
from lorebase.services.jobs.index_jobs import new_reindex_job
from tests.integration.database import DatabaseUrls

LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


@dataclass(frozen=True)
class Tenant:
    """A workspace with one knowledge base."""

    workspace_id: UUID
    knowledge_base: KnowledgeBase
    model: EmbeddingModel

    @property
    def knowledge_base_id(self) -> UUID:
        return self.knowledge_base.id

    @property
    def index_id(self) -> UUID:
        return self.knowledge_base.active_index_id


def embedding_model(**fields: Any) -> EmbeddingModel:
    identity = new_id()
    return EmbeddingModel(
        **{
            "id": identity,
            "name": f"model-{identity}",
            "provider": "local",
            "version": "1",
            "dimensions": 4,
            "max_input_tokens": 256,
            "collection": f"collection_{identity.hex}",
            "deprecated_at": None,
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            **fields,
        }
    )


async def register(urls: DatabaseUrls, model: EmbeddingModel) -> EmbeddingModel:
    engine = create_owner_engine(urls.owner)
    registered = await SqlEmbeddingRegistry(engine).register(model)
    await engine.dispose()
    return registered


async def register_analyser(urls: DatabaseUrls, version: int) -> None:
    engine = create_owner_engine(urls.owner)
    await SqlAnalyserRegistry(engine).register(version)
    await engine.dispose()


def knowledge_base(workspace_id: UUID, **fields: Any) -> KnowledgeBase:
    identity = new_id()
    return KnowledgeBase(
        **{
            "id": identity,
            "workspace_id": workspace_id,
            "slug": f"base-{identity.hex}",
            "name": "Handbook",
            "description": None,
            "chunking": ChunkingRules(),
            "metadata_fields": (),
            "active_index_id": new_id(),
            "version": 1,
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            **fields,
        }
    )


async def make_tenant(
    units: SqlUnitOfWorkFactory,
    urls: DatabaseUrls,
    *,
    model: EmbeddingModel | None = None,
    metadata_fields: Sequence[MetadataField] = (),
) -> Tenant:
    used = model or await register(urls, embedding_model())
    workspace_id = new_id()
    async with units.for_workspace(workspace_id) as uow:
        await uow.workspaces.add(workspace_id, f"slug-{workspace_id.hex}", "Team", "partition_1")
        base = knowledge_base(workspace_id, metadata_fields=tuple(metadata_fields))
        added = await uow.knowledge_bases.add(base, used.id)
        await uow.commit()
    return Tenant(workspace_id, added, used)


def document(tenant: Tenant, **fields: Any) -> Document:
    return Document(
        **{
            "id": new_id(),
            "workspace_id": tenant.workspace_id,
            "knowledge_base_id": tenant.knowledge_base_id,
            "external_id": None,
            "title": "A Title",
            "language": None,
            "tags": (),
            "metadata": {},
            "media_type": "text/plain",
            "status": DocumentStatus.ACCEPTED,
            "generation": 1,
            "live_generation": None,
            "current_version_id": None,
            "version": 1,
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            **fields,
        }
    )


def version(owner: Document, **fields: Any) -> DocumentVersion:
    identity = new_id()
    return DocumentVersion(
        **{
            "id": identity,
            "workspace_id": owner.workspace_id,
            "document_id": owner.id,
            "number": owner.generation,
            "generation": owner.generation,
            "blob_key": f"{owner.workspace_id}/{identity}",
            "file_name": "a.txt",
            "media_type": owner.media_type,
            "byte_size": 1000,
            "content_hash": hashlib.sha256(identity.bytes).hexdigest(),
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            **fields,
        }
    )


def chunk(of: DocumentVersion, ordinal: int, **fields: Any) -> Chunk:
    return Chunk(
        **{
            "id": new_id(),
            "workspace_id": of.workspace_id,
            "document_id": of.document_id,
            "version_id": of.id,
            "ordinal": ordinal,
            "start_offset": ordinal * 10,
            "end_offset": ordinal * 10 + 10,
            "page": None,
            "section": (),
            "token_count": 3,
            "text": f"passage {ordinal}",
            **fields,
        }
    )


@dataclass(frozen=True)
class Live:
    """A document that search can find, with its version and passages."""

    document: Document
    version: DocumentVersion
    chunks: tuple[Chunk, ...]


async def add_live(
    uow: UnitOfWork,
    tenant: Tenant,
    *,
    texts: Sequence[str] = ("one", "two"),
    chunk_fields: Sequence[dict[str, Any]] = (),
    **fields: Any,
) -> Live:
    """Takes a document through all that ingestion writes."""
    new = document(tenant, **fields)
    first = version(new)
    overrides = [*chunk_fields, *({} for _ in range(len(texts) - len(chunk_fields)))]
    passages = tuple(
        chunk(first, ordinal, text=text, **overrides[ordinal]) for ordinal, text in enumerate(texts)
    )
    assert await uow.documents.add(new)
    await uow.versions.add(first)
    await uow.chunks.replace(new.id, first.id, new.generation, passages)
    await uow.embeddings.commit_document(tenant.index_id, new.id, new.generation, len(passages), 0)
    assert await uow.documents.make_live(new.id, new.generation, first.id, None)
    return Live(await uow.documents.get(new.id), first, passages)


async def add_index(uow: UnitOfWork, tenant: Tenant, model_id: UUID, version: int) -> EmbeddingIndex:
    """Another index of the knowledge base, which holds nothing yet, with its job."""
    index_id, job_id, base = new_id(), new_id(), tenant.knowledge_base_id
    new = NewIndex(
        id=index_id, knowledge_base_id=base, model_id=model_id, analyser_version=version, job_id=job_id
    )
    added = await uow.indexes.add(new)
    await uow.jobs.add(new_reindex_job(job_id, index_id, ReindexKnowledgeBase(id=base)))
    return added


def job(subject_id: UUID | None = None, **fields: Any) -> NewJob:
    return NewJob(
        **{
            "id": new_id(),
            "kind": JobKind.INGEST,
            "lane": JobLane.DOCUMENTS,
            "subject_type": JobSubjectType.DOCUMENT,
            "subject_id": subject_id or new_id(),
            "generation": 1,
            "trace_id": "0123",
            **fields,
        }
    )


def conversation(tenant: Tenant, **fields: Any) -> Conversation:
    return Conversation(
        **{
            "id": new_id(),
            "workspace_id": tenant.workspace_id,
            "title": "How to",
            "knowledge_base_ids": (tenant.knowledge_base_id,),
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            **fields,
        }
    )


def message(of: Conversation, **fields: Any) -> Message:
    return Message(
        **{
            "id": new_id(),
            "workspace_id": of.workspace_id,
            "conversation_id": of.id,
            "role": MessageRole.USER,
            "text": "How?",
            "answer_id": None,
            "created_at": LONG_AGO + timedelta(minutes=1),
            "updated_at": LONG_AGO + timedelta(minutes=1),
            **fields,
        }
    )


def answer(of: Conversation, message_id: UUID, job_id: UUID, **fields: Any) -> Answer:
    return Answer(
        **{
            "id": new_id(),
            "workspace_id": of.workspace_id,
            "conversation_id": of.id,
            "message_id": message_id,
            "job_id": job_id,
            "status": AnswerStatus.QUEUED,
            "text": "",
            "question": "How?",
            "retrieval": SearchRequest(knowledge_base_ids=of.knowledge_base_ids, query="How?"),
            "max_tokens": None,
            "finish_reason": None,
            "model": None,
            "prompt": None,
            "error": None,
            "retrieved": (),
            "citations": (),
            "sentences": (),
            "support": None,
            "timings": None,
            "usage": None,
            "event_sequence": 0,
            "trace_id": "0123",
            "created_at": LONG_AGO,
            "updated_at": LONG_AGO,
            **fields,
        }
    )
