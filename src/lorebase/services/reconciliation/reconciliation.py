"""Finds where the stores disagree with PostgreSQL, and mends it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import NotFound
from lorebase.core.metrics import DRIFT_LOST, DRIFT_ORPHANED, DRIFT_REPAIRED
from lorebase.ports.blob_store import BlobStore
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.reconciliation import ORPHANS, Drift, DriftCount, DriftKind, DriftReport
from lorebase.services.jobs.job_notices import JobNotices
from lorebase.services.reconciliation.blob_audit import BlobAudit
from lorebase.services.reconciliation.drift_repair import DriftRepair, needs_a_job
from lorebase.services.reconciliation.vector_audit import VectorAudit
from lorebase.services.turns import Checkpoint, Turns, no_checkpoint

_log = logging.getLogger(__name__)

TASK = "reconcile"
_EXAMPLES = 20
_WORKSPACES = 100


class _Findings:
    """Adds up what a workspace shows."""

    def __init__(self, workspace_id: UUID) -> None:
        self.report = DriftReport(workspace_id=workspace_id)
        self._found: Counter[DriftKind] = Counter()
        self._repaired: Counter[DriftKind] = Counter()
        self._vectors: Counter[DriftKind] = Counter()

    def note(self, **examined: int) -> None:
        """Adds to what was looked at."""
        grown = {name: getattr(self.report, name) + more for name, more in examined.items()}
        self.report = self.report.model_copy(update=grown)

    def add(self, drift: Drift) -> None:
        """Counts a disagreement."""
        self._found[drift.kind] += 1
        self._vectors[drift.kind] += drift.vectors
        (DRIFT_ORPHANED if drift.kind in ORPHANS else DRIFT_LOST).labels(drift.kind).inc()
        if len(self.report.examples) < _EXAMPLES:
            examples = (*self.report.examples, drift)
            self.report = self.report.model_copy(update={"examples": examples})

    def mended(self, drift: Drift, job_id: UUID | None = None) -> None:
        """Counts a repair, and the job that it is."""
        self._repaired[drift.kind] += 1
        DRIFT_REPAIRED.labels(drift.kind).inc()
        if job_id is not None:
            self.report = self.report.model_copy(update={"jobs": (*self.report.jobs, job_id)})

    def cap(self) -> None:
        """Notes that a next run has more to do."""
        self.report = self.report.model_copy(update={"capped": True})

    def close(self) -> DriftReport:
        """The report, also logged."""
        counts = tuple(
            DriftCount(
                kind=kind,
                found=self._found[kind],
                repaired=self._repaired[kind],
                vectors=self._vectors[kind],
            )
            for kind in DriftKind
            if self._found[kind]
        )
        report = self.report.model_copy(update={"counts": counts})
        facts = {"workspace_id": str(report.workspace_id), "documents": report.documents}
        facts |= {
            "vectors": str(report.vectors),
            "found": str(report.found),
            "repaired": str(report.repaired),
        }
        _log.log(logging.WARNING if report.found else logging.INFO, "reconciled", extra=facts)
        return report


class Reconciler:
    """Compares in bounded batches, one workspace after the other. Safe at any time and in several processes.

    A difference that a running job may be about to change is none. Lost vectors are written again by ordinary
    jobs, from stored text and kept embeddings.
    """

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        index: ChunkIndex,
        blobs: BlobStore,
        notices: JobNotices,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._units = units
        self._vectors = VectorAudit(units=units, index=index, settings=settings)
        self._blobs = BlobAudit(units=units, blobs=blobs, clock=clock, settings=settings)
        self._repair = DriftRepair(units=units, index=index, blobs=blobs, notices=notices, settings=settings)
        # Repairs must leave room among the open jobs for what callers upload meanwhile.
        self._jobs_maximum = max(1, settings.open_jobs_maximum // 10)
        every = timedelta(seconds=settings.reconcile_seconds)
        self._turns = Turns(units=units, task=TASK, every=every)

    async def workspace_ids(self, slug: str | None = None) -> AsyncIterator[UUID]:
        """All workspaces, or the one with the slug. NotFound when there is none."""
        last: UUID | None = None
        if slug is not None:
            async with self._units.for_system() as uow:
                workspace = await uow.workspace_by_slug(slug)
            if workspace is None:
                raise NotFound("There is no workspace with this slug.")
            yield workspace.id
            return
        while True:
            async with self._units.for_system() as uow:
                page = await uow.workspaces_after(last, _WORKSPACES)
            for workspace_id in page:
                yield workspace_id
            if len(page) < _WORKSPACES:
                return
            last = page[-1]

    async def reconcile(
        self, workspace_id: UUID, *, repair: bool, checkpoint: Checkpoint = no_checkpoint
    ) -> DriftReport:
        """Compares one workspace, and mends what it can. `checkpoint` is awaited between batches.

        Unavailable when a store is out of reach: then nothing is said about the rest.
        """
        findings = _Findings(workspace_id)
        last: UUID | None = None
        while True:
            await checkpoint()
            batch = await self._vectors.batch(workspace_id, last)
            findings.note(documents=batch.documents, vectors=batch.vectors)
            for drift in batch.drifts:
                await self._handle(findings, drift, repair=repair)
            if batch.last is None:
                break
            last = batch.last
        await checkpoint()
        stored = await self._blobs.stored(workspace_id)
        findings.note(blobs=len(stored))
        async for drift in self._blobs.drifts(workspace_id, stored):
            await self._handle(findings, drift, repair=repair)
        return findings.close()

    async def run_if_due(self) -> list[DriftReport]:
        """Compares and mends everything, unless it was done lately or another process is at it."""
        return await self._turns.take(self._all) or []

    async def _all(self, checkpoint: Checkpoint) -> list[DriftReport]:
        return [
            await self.reconcile(workspace_id, repair=True, checkpoint=checkpoint)
            async for workspace_id in self.workspace_ids()
        ]

    async def _handle(self, findings: _Findings, drift: Drift, *, repair: bool) -> None:
        findings.add(drift)
        if not repair or drift.kind is DriftKind.MISSING_BLOBS:
            return
        workspace_id = findings.report.workspace_id
        if drift.blob_key is not None:
            if await self._repair.remove_blob(workspace_id, drift.blob_key):
                findings.mended(drift)
        elif not needs_a_job(drift):
            if await self._repair.remove_orphans(workspace_id, drift):
                findings.mended(drift)
        elif len(findings.report.jobs) >= self._jobs_maximum:
            findings.cap()
        elif drift.document_id is not None:
            job = await self._repair.add_job(workspace_id, drift.document_id)
            findings.mended(drift, job.id if job is not None else None)
