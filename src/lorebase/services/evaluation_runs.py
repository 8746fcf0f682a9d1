"""The job that measures an index: question by question, kept batch by batch, resumable at any place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LeaseLost, NotFound, Permanent, Transient
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.evaluations import CaseResult, EvaluationCase, EvaluationRun
from lorebase.schemas.jobs import Job, JobError
from lorebase.schemas.search import SearchRequest, SearchResult
from lorebase.services.evaluation_figures import summarise
from lorebase.services.job_control import JobControl
from lorebase.services.retrieval_metrics import RANKED, score_case
from lorebase.services.search import SearchService
from lorebase.services.search_rules import OFFSET_MAXIMUM

_BATCH = 20
_TRIES = 3


class EvaluationHandler:
    """Handles EVALUATE jobs. Each question is searched as a client searches, page by page."""

    def __init__(self, *, units: UnitOfWorkFactory, search: SearchService, settings: Settings) -> None:
        self._units = units
        self._search = search
        self._page = settings.page_size_maximum

    async def run(self, job: Job, control: JobControl) -> Job:
        """Measures what is not measured yet, then keeps the means. Permanent when the set is gone."""
        try:
            run, done, total = await self._read(job)
            while cases := await self._cases_after(run, done):
                results = await self._measure_all(run, cases, control, total)
                await self._keep(job, run, results)
                done = cases[-1].position
            return await self._complete(job, run)
        except NotFound as error:
            raise Permanent("What was to be measured is gone.", code=ErrorCode.NOT_FOUND) from error

    async def failed(self, uow: UnitOfWork, job: Job, error: JobError, *, final: bool) -> None:
        """Nothing to set: a run without figures is incomplete, its job says why."""

    async def cancelled(self, uow: UnitOfWork, job: Job) -> None:
        """Nothing to set: what was measured stays, and a retry goes on from there."""

    async def _read(self, job: Job) -> tuple[EvaluationRun, int, int]:
        """The run, the last position that has a result, and the number of questions."""
        async with self._units.for_workspace(job.workspace_id) as uow:
            run = await uow.evaluations.get_run(job.subject_id)
            measured = await uow.evaluations.get_set(run.set_id)
            results = await uow.evaluations.results(run.id)
        return run, results[-1].position if results else 0, measured.case_count

    async def _cases_after(self, run: EvaluationRun, position: int) -> list[EvaluationCase]:
        async with self._units.for_workspace(run.workspace_id) as uow:
            return await uow.evaluations.cases_after(run.set_id, position, _BATCH)

    async def _measure_all(
        self, run: EvaluationRun, cases: Sequence[EvaluationCase], control: JobControl, total: int
    ) -> list[CaseResult]:
        names = {each.external_id for case in cases for each in case.relevant}
        async with self._units.for_workspace(run.workspace_id) as uow:
            found = await uow.documents.ids_by_external_id(run.knowledge_base_id, sorted(names))
        keys = {document_id: external_id for external_id, document_id in found.items()}
        results: list[CaseResult] = []
        for case in cases:
            await control.progress(None, case.position - 1, total)
            results.append(await self._measure(run, case, keys))
        return results

    async def _measure(
        self, run: EvaluationRun, case: EvaluationCase, keys: Mapping[UUID, str]
    ) -> CaseResult:
        ranked = [keys.get(document_id) for document_id in await self._documents(run, case.query)]
        scores = score_case(ranked, {each.external_id: each.grade for each in case.relevant})
        return CaseResult(case_id=case.id, position=case.position, query=case.query, **scores.model_dump())

    async def _documents(self, run: EvaluationRun, query: str) -> list[UUID]:
        """The first documents of the order, each where its best passage stands."""
        found: dict[UUID, None] = {}
        request = SearchRequest(
            knowledge_base_ids=(run.knowledge_base_id,),
            query=query,
            mode=run.mode,
            profile=run.profile,
            limit=self._page,
        )
        for offset in range(0, OFFSET_MAXIMUM, self._page):
            page = await self._whole_result(run, request.model_copy(update={"offset": offset}))
            # One expansion for all pages: a second one would cut them from another order.
            request = request.model_copy(update={"expansion": page.expansion})
            found |= dict.fromkeys(hit.document_id for hit in page.hits)
            if len(found) >= RANKED or not page.has_next:
                break
        return list(found)[:RANKED]

    async def _whole_result(self, run: EvaluationRun, request: SearchRequest) -> SearchResult:
        # A part that was too slow just now says nothing about how well the index finds.
        for _ in range(_TRIES):
            result = await self._search.retrieve(
                run.workspace_id, request, index_id=run.index_id, highlighted=False
            )
            if not result.degraded:
                return result
        raise Transient("A part of the search is too slow to be measured.", code=ErrorCode.OVERLOADED)

    async def _keep(self, job: Job, run: EvaluationRun, results: Sequence[CaseResult]) -> None:
        async with self._units.for_workspace(job.workspace_id) as uow:
            await _hold(uow, job)
            await uow.evaluations.add_results(run.id, results)
            await uow.commit()

    async def _complete(self, job: Job, run: EvaluationRun) -> Job:
        async with self._units.for_workspace(job.workspace_id) as uow:
            results = await uow.evaluations.results(run.id)
        if not results:
            raise NotFound("The evaluation set is gone.")
        metrics = summarise(results)
        async with self._units.for_workspace(job.workspace_id) as uow:
            # The job before the run, in the order of whoever removes a set: nobody waits in a circle.
            await _hold(uow, job)
            await uow.evaluations.complete_run(run.id, metrics)
            ended = await uow.jobs.succeed(job.id, job.fence)
            if ended is None:
                raise LeaseLost("Another worker has the job.")
            await uow.commit()
        return ended


async def _hold(uow: UnitOfWork, job: Job) -> None:
    if not await uow.jobs.start(job.id, job.fence):
        raise LeaseLost("Another worker has the job.")
