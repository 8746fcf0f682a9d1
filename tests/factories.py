"""Values for tests, with defaults for everything a test does not care about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from lorebase.core.config import Settings
from lorebase.core.ids import new_id
from lorebase.schemas.documents import Chunk, Document, DocumentStatus, DocumentVersion
from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.schemas.jobs import Job, JobKind, JobLane, JobProgress, JobStatus, JobSubjectType
from lorebase.schemas.knowledge_bases import KnowledgeBase, MetadataField
from lorebase.schemas.parsing import ChunkingRules
from lorebase.schemas.workspaces import ApiKey, ApiScope, Principal, Workspace
from lorebase.services.workspaces import WorkspaceService
from tests.fakes.clock import START
from tests.fakes.unit_of_work import FakeUnits, MemoryDatabase

ALL_SCOPES = frozenset(ApiScope)
WORKSPACE_ID = UUID("0190c6f0-0000-7000-8000-000000000001")


def make_settings(**given: object) -> Settings:
    """Settings that read nothing of the environment's own and wait for nothing."""
    quick: dict[str, object] = {
        "secret_key": SecretStr("0123456789abcdef0123456789abcdef"),
        "job_backoff_base_seconds": 0.0,
        "search_patience_seconds": 0.0,
        "embedding_batch_size": 4,
    }
    return Settings().model_copy(update={**quick, **given})


def make_principal(workspace_id: UUID = WORKSPACE_ID, *scopes: ApiScope) -> Principal:
    """A key of the workspace with all scopes, or with those given."""
    return Principal(workspace_id=workspace_id, api_key_id=new_id(), scopes=frozenset(scopes) or ALL_SCOPES)


def make_model(**given: object) -> EmbeddingModel:
    """A small embedding model."""
    values: dict[str, object] = {
        "id": new_id(),
        "name": "test-model",
        "provider": "local",
        "version": "1",
        "dimensions": 16,
        "max_input_tokens": 64,
        "collection": "chunks_test_model_1",
        "deprecated_at": None,
        "created_at": START,
        "updated_at": START,
    }
    return EmbeddingModel.model_validate({**values, **given})


def make_knowledge_base(workspace_id: UUID = WORKSPACE_ID, **given: object) -> KnowledgeBase:
    """A knowledge base without declared metadata."""
    values: dict[str, object] = {
        "id": new_id(),
        "workspace_id": workspace_id,
        "slug": f"base-{new_id().hex[-8:]}",
        "name": "Knowledge base",
        "description": None,
        "chunking": ChunkingRules(max_tokens=32, overlap_tokens=4),
        "metadata_fields": (),
        "active_index_id": new_id(),
        "version": 1,
        "created_at": START,
        "updated_at": START,
    }
    return KnowledgeBase.model_validate({**values, **given})


def make_document(knowledge_base_id: UUID, workspace_id: UUID = WORKSPACE_ID, **given: object) -> Document:
    """A document that was just accepted."""
    values: dict[str, object] = {
        "id": new_id(),
        "workspace_id": workspace_id,
        "knowledge_base_id": knowledge_base_id,
        "external_id": None,
        "title": "A title",
        "language": None,
        "tags": (),
        "metadata": {},
        "media_type": "text/plain",
        "status": DocumentStatus.ACCEPTED,
        "generation": 1,
        "live_generation": None,
        "current_version_id": None,
        "version": 1,
        "created_at": START,
        "updated_at": START,
    }
    return Document.model_validate({**values, **given})


def make_version(document: Document, **given: object) -> DocumentVersion:
    """The version of the document's generation."""
    version_id = new_id()
    values: dict[str, object] = {
        "id": version_id,
        "workspace_id": document.workspace_id,
        "document_id": document.id,
        "number": document.generation,
        "generation": document.generation,
        "blob_key": f"{document.workspace_id}/{version_id}",
        "file_name": None,
        "media_type": document.media_type,
        "byte_size": 1,
        "content_hash": "0" * 64,
        "created_at": START,
        "updated_at": START,
    }
    return DocumentVersion.model_validate({**values, **given})


def make_chunk(**given: object) -> Chunk:
    """A passage of no document in particular."""
    text = str(given.get("text", "Text."))
    values: dict[str, object] = {
        "id": new_id(),
        "workspace_id": WORKSPACE_ID,
        "document_id": new_id(),
        "version_id": new_id(),
        "ordinal": 0,
        "start_offset": 0,
        "end_offset": len(text),
        "page": None,
        "section": (),
        "token_count": len(text.split()),
        "text": text,
    }
    return Chunk.model_validate({**values, **given})


def make_job(workspace_id: UUID = WORKSPACE_ID, **given: object) -> Job:
    """An ingestion job that waits."""
    values: dict[str, object] = {
        "id": new_id(),
        "workspace_id": workspace_id,
        "kind": JobKind.INGEST,
        "status": JobStatus.QUEUED,
        "lane": JobLane.DOCUMENTS,
        "subject_type": JobSubjectType.DOCUMENT,
        "subject_id": new_id(),
        "generation": 1,
        "attempt": 0,
        "fence": 0,
        "progress": JobProgress(),
        "error": None,
        "cancel_requested": False,
        "event_sequence": 0,
        "trace_id": "",
        "run_at": START,
        "started_at": None,
        "finished_at": None,
        "created_at": START,
        "updated_at": START,
    }
    return Job.model_validate({**values, **given})


@dataclass(frozen=True, slots=True)
class Tenant:
    """A workspace with a key of all scopes and an empty knowledge base."""

    workspace: Workspace
    key: ApiKey
    secret: str
    principal: Principal
    model: EmbeddingModel
    knowledge_base: KnowledgeBase


async def add_tenant(
    database: MemoryDatabase, *fields: MetadataField, name: str = "Test", settings: Settings | None = None
) -> Tenant:
    """Makes a workspace the way an operator does, and a knowledge base with these declared fields."""
    units = FakeUnits(database)
    service = WorkspaceService(units=units, clock=database.clock, settings=settings or make_settings())
    workspace, key, secret = await service.create_workspace(None, name)
    models = list(database.state.models.values())
    model = models[0] if models else make_model()
    database.state.models[model.id] = model
    knowledge_base = make_knowledge_base(workspace.id, metadata_fields=fields)
    async with units.for_workspace(workspace.id) as uow:
        await uow.knowledge_bases.add(knowledge_base, model.id)
        await uow.commit()
    principal = Principal(workspace_id=workspace.id, api_key_id=key.id, scopes=key.scopes)
    return Tenant(workspace, key, secret, principal, model, knowledge_base)


async def pieces(content: bytes, size: int = 1024) -> AsyncIterator[bytes]:
    """Content as it arrives over a connection."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
