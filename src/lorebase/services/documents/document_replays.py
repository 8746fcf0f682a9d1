"""Answers of document mutations that were made before, read again so that they show the newest state."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from pydantic import JsonValue

from lorebase.core.errors import NotFound
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.documents import UpdatedDocument, UpsertedDocument
from lorebase.schemas.jobs import Job
from lorebase.services.idempotency import kept_id, kept_id_or_none


async def upserted_before(uow: UnitOfWork, kept: Mapping[str, JsonValue]) -> UpsertedDocument:
    """The result of an earlier upsert; NotFound when the document was deleted since."""
    document = await uow.documents.get(kept_id(kept, "document_id"))
    job = await _job(uow, kept_id_or_none(kept, "job_id"))
    return UpsertedDocument(document=document, job=job, created=bool(kept["created"]))


async def updated_before(uow: UnitOfWork, kept: Mapping[str, JsonValue]) -> UpdatedDocument:
    """The result of an earlier update; NotFound when the document was deleted since."""
    document = await uow.documents.get(kept_id(kept, "document_id"))
    return UpdatedDocument(document=document, job=await _job(uow, kept_id_or_none(kept, "job_id")))


async def _job(uow: UnitOfWork, job_id: UUID | None) -> Job | None:
    if job_id is None:
        return None
    found = await uow.jobs.get_many([job_id])
    if not found:
        raise NotFound("There is no such object.")
    return found[0]
