"""Knowledge bases: made, changed, listed, counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, ErrorCode, NotFound, Unavailable
from lorebase.core.ids import new_id
from lorebase.core.logging import current_trace_id
from lorebase.ports.clock import Clock
from lorebase.ports.job_queue import JobQueue
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.documents import DeletedKnowledgeBase
from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.schemas.filters import DocumentFilter
from lorebase.schemas.jobs import JobKind, JobLane, JobSubjectType, NewJob
from lorebase.schemas.knowledge_bases import (
    CreateKnowledgeBase,
    FacetValue,
    KnowledgeBase,
    KnowledgeBaseOrder,
    KnowledgeBaseStats,
    UpdateKnowledgeBase,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import ApiScope, Principal
from lorebase.services.access import require
from lorebase.services.filters.filter_rules import validate
from lorebase.services.idempotency import Replay, kept_id
from lorebase.services.jobs.job_events import JobEvents
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.knowledge_bases.knowledge_base_removal import (
    remove_knowledge_base,
    removed_knowledge_base_before,
)
from lorebase.services.knowledge_bases.knowledge_base_rules import (
    changed_or_gone,
    checked_chunking,
    checked_description,
    checked_facet,
    checked_fields,
    in_use,
)
from lorebase.services.slugs import checked_slug, numbered, slug_from
from lorebase.services.text_rules import refuse_unstorable
from lorebase.services.workspaces import checked_name

_SLUG_TRIES = 100


class KnowledgeBaseService:
    """The use cases around knowledge bases."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        queue: JobQueue,
        events: JobEvents,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._units = units
        self._notices = JobNotices(queue=queue, events=events)
        self._clock = clock
        self._settings = settings

    async def create(self, principal: Principal, command: CreateKnowledgeBase) -> KnowledgeBase:
        """Makes a knowledge base with its first index, of the given model or the default one.

        BadInput; NotFound for the model; Conflict when a given slug is taken.
        """
        require(principal, ApiScope.WRITE)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "createKnowledgeBase", command.idempotency_key, command)
            if (kept := await replay.earlier()) is not None:
                return await uow.knowledge_bases.get(kept_id(kept, "knowledge_base_id"))
            model = await _model(uow, command.embedding_model_id)
            analyser = next(known.version for known in await uow.analysers.all() if known.is_default)
            made = await uow.knowledge_bases.add(await self._new(uow, command, model), model.id, analyser)
            await replay.keep(knowledge_base_id=made.id)
            await uow.commit()
        return made

    async def _new(
        self, uow: UnitOfWork, command: CreateKnowledgeBase, model: EmbeddingModel
    ) -> KnowledgeBase:
        now = self._clock.now()
        name = checked_name(command.name)
        overlap_given = "chunk_overlap_tokens" in command.model_fields_set
        overlap = command.chunk_overlap_tokens if overlap_given else None
        return KnowledgeBase(
            id=new_id(),
            workspace_id=uow.workspace_id,
            slug=checked_slug(command.slug) if command.slug else await _free_slug(uow, name),
            name=name,
            description=checked_description(command.description),
            chunking=checked_chunking(command.chunk_max_tokens, overlap, model),
            metadata_fields=checked_fields(command.metadata_fields),
            active_index_id=new_id(),
            version=1,
            created_at=now,
            updated_at=now,
        )

    async def update(self, principal: Principal, command: UpdateKnowledgeBase) -> KnowledgeBase:
        """Changes name, description or declared metadata; new fields are mirrored into the indexes by a job.

        NotFound; BadInput; Conflict when it is not at `expected_version`, or when documents carry a field
        that would go or change its type.
        """
        require(principal, ApiScope.WRITE)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "updateKnowledgeBase", command.idempotency_key, command)
            if (kept := await replay.earlier()) is not None:
                return await uow.knowledge_bases.get(kept_id(kept, "knowledge_base_id"))
            before = await uow.knowledge_bases.get(command.id)
            await self._check_fields(uow, before, command)
            changed = await uow.knowledge_bases.update(_checked(command))
            if changed.metadata_fields != before.metadata_fields:
                await self._mirror(uow, changed)
            await replay.keep(knowledge_base_id=changed.id)
            await uow.commit()
        return changed

    async def _check_fields(
        self, uow: UnitOfWork, before: KnowledgeBase, command: UpdateKnowledgeBase
    ) -> None:
        if "metadata_fields" not in command.model_fields_set:
            return
        for path in changed_or_gone(before.metadata_fields, command.metadata_fields or ()):
            if await uow.knowledge_bases.facets(before, path, None, 1):
                raise in_use(path)

    async def _mirror(self, uow: UnitOfWork, knowledge_base: KnowledgeBase) -> None:
        if not await uow.documents.count(knowledge_base.id, None):
            return
        await uow.jobs.add(
            NewJob(
                id=new_id(),
                kind=JobKind.SYNC_METADATA,
                lane=JobLane.DOCUMENTS,
                subject_type=JobSubjectType.KNOWLEDGE_BASE,
                subject_id=knowledge_base.id,
                trace_id=current_trace_id(),
                parameters={"knowledge_base_id": str(knowledge_base.id)},
            )
        )

    async def delete(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        expected_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> DeletedKnowledgeBase:
        """Makes it and all in it unfindable at once; a job removes what is stored, the receipt follows.

        NotFound, also for one deleted before; Conflict when it is not at `expected_version`.
        """
        require(principal, ApiScope.ADMIN)
        asked = {"id": str(knowledge_base_id), "expected_version": expected_version}
        async with self._units.for_workspace(principal.workspace_id) as uow:
            replay = Replay(uow, principal, "deleteKnowledgeBase", idempotency_key, asked)
            if (kept := await replay.earlier()) is not None:
                return await removed_knowledge_base_before(uow, kept)
            removed = await remove_knowledge_base(uow, knowledge_base_id, expected_version)
            await replay.keep(
                knowledge_base_id=knowledge_base_id, job_id=removed.job.id, receipt_id=removed.receipt.id
            )
            await uow.commit()
        await self._notices.send(added=[removed.job])
        return removed

    async def get_many(self, principal: Principal, ids: Sequence[UUID]) -> list[KnowledgeBase]:
        """Those that exist, in any order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.knowledge_bases.get_many(ids)

    async def by_slug(self, principal: Principal, slug: str) -> KnowledgeBase | None:
        """One by slug."""
        require(principal, ApiScope.READ)
        refuse_unstorable(slug, ["slug"])
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.knowledge_bases.by_slug(slug)

    async def page(
        self, principal: Principal, page: PageRequest, order: KnowledgeBaseOrder
    ) -> Page[KnowledgeBase]:
        """Knowledge bases in order."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.knowledge_bases.page(page, order)

    async def count(self, principal: Principal) -> int:
        """Their number, capped."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.knowledge_bases.count()

    async def stats(self, principal: Principal, ids: Sequence[UUID]) -> Mapping[UUID, KnowledgeBaseStats]:
        """Counts by knowledge base."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            return await uow.knowledge_bases.stats(ids)

    async def facets(
        self,
        principal: Principal,
        knowledge_base_id: UUID,
        path: str,
        condition: DocumentFilter | None,
        first: int,
    ) -> list[FacetValue]:
        """The most frequent values of a declared path, or of mediaType, language or tags. BadInput."""
        require(principal, ApiScope.READ)
        async with self._units.for_workspace(principal.workspace_id) as uow:
            knowledge_base = await uow.knowledge_bases.get(knowledge_base_id)
            known = checked_facet(path, knowledge_base.metadata_fields)
            if condition is not None:
                validate(condition, knowledge_base.metadata_fields, self._settings)
            return await uow.knowledge_bases.facets(knowledge_base, known, condition, first)


async def _model(uow: UnitOfWork, model_id: UUID | None) -> EmbeddingModel:
    if model_id is None:
        model = await uow.embeddings.default_model()
        if model is None:
            message = "No embedding model is registered yet: run `lorebase migrate`."
            raise Unavailable(message, code=ErrorCode.MODEL_UNAVAILABLE)
        return model
    found = await uow.embeddings.get_models([model_id])
    if not found:
        raise NotFound("There is no such object.", field=["embeddingModelId"])
    if found[0].deprecated_at is not None:
        raise BadInput("The embedding model is deprecated.", field=["embeddingModelId"])
    return found[0]


async def _free_slug(uow: UnitOfWork, name: str) -> str:
    wish = slug_from(name, "knowledge-base")
    for number in range(1, _SLUG_TRIES):
        slug = numbered(wish, number)
        if await uow.knowledge_bases.by_slug(slug) is None:
            return slug
    raise BadInput("No slug is free for this name: give one.", field=["slug"])


def _checked(command: UpdateKnowledgeBase) -> UpdateKnowledgeBase:
    tidy: dict[str, object] = {}
    if "name" in command.model_fields_set:
        tidy["name"] = checked_name(command.name or "")
    if "description" in command.model_fields_set:
        tidy["description"] = checked_description(command.description)
    if "metadata_fields" in command.model_fields_set:
        tidy["metadata_fields"] = checked_fields(command.metadata_fields or ())
    return command.model_copy(update=tidy)
