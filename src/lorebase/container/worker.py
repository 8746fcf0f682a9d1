"""The services of the worker: what handles each kind of job."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from lorebase.clients.parsing.subprocess_parser import SubprocessParser, limits_of
from lorebase.clients.tokenizer import ModelTokenizer
from lorebase.container.resources import Resources, open_resources, reconciler_of, search_service
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, Settings
from lorebase.schemas.jobs import JobKind, JobSubjectType
from lorebase.services.answers.answering import AnswerHandler
from lorebase.services.deletion.deletion import DeletionHandler
from lorebase.services.embeddings.embeddings import CachedEmbedder
from lorebase.services.evaluations.evaluation_measurement import EvaluationMeasurement
from lorebase.services.evaluations.evaluation_runs import EvaluationHandler
from lorebase.services.indexes.index_removal import IndexRemovalHandler
from lorebase.services.ingestion.ingestion import IngestionHandler
from lorebase.services.ingestion.metadata_sync import MetadataSyncHandler
from lorebase.services.jobs.handlers_by_subject import HandlersBySubject
from lorebase.services.jobs.job_control import JobHandler
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.jobs.job_runner import JobRunner
from lorebase.services.reconciliation.reconciliation import Reconciler
from lorebase.services.reindexing.reindexing import ReindexHandler
from lorebase.services.retention import RetentionService


@dataclass(frozen=True)
class WorkerServices:
    """What the worker process does: jobs, comparing the stores, and removing what has served its time."""

    runner: JobRunner
    reconciler: Reconciler
    retention: RetentionService


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator[WorkerServices]:
    """The services of the worker; it alone parses files."""
    async with AsyncExitStack() as stack:
        parts = await open_resources(stack, settings)
        yield WorkerServices(
            runner=await _build_runner(stack, parts),
            reconciler=reconciler_of(parts),
            retention=RetentionService(units=parts.units, settings=settings),
        )


async def _build_runner(stack: AsyncExitStack, parts: Resources) -> JobRunner:
    parser = SubprocessParser(limits_of(parts.settings))
    stack.push_async_callback(parser.close)
    tokenizer_file = parts.settings.models_directory / EMBEDDED_EMBEDDING_MODEL / "tokenizer.json"
    cached, search = CachedEmbedder(units=parts.units, embedder=parts.embedder), search_service(parts)
    handlers: dict[JobKind, JobHandler] = {
        JobKind.INGEST: IngestionHandler(
            units=parts.units,
            blobs=parts.blobs,
            parser=parser,
            tokenizer=ModelTokenizer(tokenizer_file),
            cached_embedder=cached,
            index=parts.index,
            settings=parts.settings,
        ),
        **_index_handlers(parts, cached),
        JobKind.SYNC_METADATA: MetadataSyncHandler(
            units=parts.units,
            cached_embedder=cached,
            index=parts.index,
            settings=parts.settings,
        ),
        JobKind.EVALUATE: EvaluationHandler(units=parts.units, measurement=_measurement(parts)),
        JobKind.ANSWER: AnswerHandler(
            units=parts.units,
            search=search,
            chat=parts.chat,
            templates=parts.templates,
            streams=parts.streams,
            settings=parts.settings,
            clock=parts.clock,
        ),
    }
    return JobRunner(
        units=parts.units, handlers=handlers, events=parts.events, settings=parts.settings, clock=parts.clock
    )


def _index_handlers(parts: Resources, cached: CachedEmbedder) -> dict[JobKind, JobHandler]:
    deletion = _deletion(parts)
    return {
        JobKind.DELETE: HandlersBySubject(
            {
                JobSubjectType.DOCUMENT: deletion,
                JobSubjectType.KNOWLEDGE_BASE: deletion,
                JobSubjectType.EMBEDDING_INDEX: IndexRemovalHandler(
                    units=parts.units, index=parts.index, settings=parts.settings, clock=parts.clock
                ),
            }
        ),
        JobKind.REINDEX: ReindexHandler(
            units=parts.units,
            cached_embedder=cached,
            index=parts.index,
            measurement=_measurement(parts),
            settings=parts.settings,
            clock=parts.clock,
        ),
    }


def _measurement(parts: Resources) -> EvaluationMeasurement:
    return EvaluationMeasurement(units=parts.units, search=search_service(parts), settings=parts.settings)


def _deletion(parts: Resources) -> DeletionHandler:
    return DeletionHandler(
        units=parts.units,
        blobs=parts.blobs,
        index=parts.index,
        notices=JobNotices(queue=parts.queue, events=parts.events),
        settings=parts.settings,
    )
