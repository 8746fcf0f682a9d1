"""Measuring a run: question by question, kept batch by batch, resumable at any place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, LeaseLost, NotFound, Transient
from lorebase.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from lorebase.schemas.evaluations import CaseResult, EvaluationCase, EvaluationMetrics, EvaluationRun
from lorebase.schemas.jobs import Job
from lorebase.schemas.search import SearchRequest, SearchResult
from lorebase.services.evaluations.evaluation_figures import summarise
from lorebase.services.evaluations.retrieval_metrics import RANKED, score_case
from lorebase.services.jobs.job_control import JobControl
from lorebase.services.search.search import SearchService
from lorebase.services.search.search_rules import OFFSET_MAXIMUM

_BATCH = 20
_TRIES = 3


class EvaluationMeasurement:
    """Asks the questions of a set as a client does, page by page, for whichever job measures."""

    def __init__(self, *, units: UnitOfWorkFactory, search: SearchService, settings: Settings) -> None:
        self._units = units
        self._search = search
        self._page = settings.page_size_maximum

    async def measure(
        self, run: EvaluationRun, control: JobControl, *, behind: int = 0, runs: int = 1
    ) -> EvaluationMetrics:
        """Measures what is not measured yet, and gives the means.

        `runs` are all that the job makes, `behind` those before this one: its progress counts them.
        NotFound when the set, the index or the run is gone, or there are no questions; Transient while a part
        of the search is too slow; LeaseLost when another worker has the job.
        """
        done, total = await self._read(run)
        while cases := await self._cases_after(run, done):
            keys = await self._keys(run, cases)
            results: list[CaseResult] = []
            for case in cases:
                await control.progress(None, behind * total + case.position - 1, runs * total)
                results.append(await self._score(run, case, keys))
            await self._keep(control.job, run, results)
            done = cases[-1].position
        return await self._means(run)

    async def _read(self, run: EvaluationRun) -> tuple[int, int]:
        """The last position that has a result, and the number of questions."""
        async with self._units.for_workspace(run.workspace_id) as uow:
            measured = await uow.evaluations.get_set(run.set_id)
            results = await uow.evaluations.results(run.id)
        return results[-1].position if results else 0, measured.case_count

    async def _cases_after(self, run: EvaluationRun, position: int) -> list[EvaluationCase]:
        async with self._units.for_workspace(run.workspace_id) as uow:
            return await uow.evaluations.cases_after(run.set_id, position, _BATCH)

    async def _keys(self, run: EvaluationRun, cases: Sequence[EvaluationCase]) -> Mapping[UUID, str]:
        """External ids of the relevant documents by their ids."""
        names = {each.external_id for case in cases for each in case.relevant}
        async with self._units.for_workspace(run.workspace_id) as uow:
            if not await uow.embeddings.get_indexes([run.index_id]):
                raise NotFound("There is no such index.")
            found = await uow.documents.ids_by_external_id(run.knowledge_base_id, sorted(names))
        return {document_id: external_id for external_id, document_id in found.items()}

    async def _score(self, run: EvaluationRun, case: EvaluationCase, keys: Mapping[UUID, str]) -> CaseResult:
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
            await hold_job(uow, job)
            await uow.evaluations.add_results(run.id, results)
            await uow.commit()

    async def _means(self, run: EvaluationRun) -> EvaluationMetrics:
        async with self._units.for_workspace(run.workspace_id) as uow:
            results = await uow.evaluations.results(run.id)
        if not results:
            raise NotFound("The evaluation set is gone.")
        return summarise(results)


async def hold_job(uow: UnitOfWork, job: Job) -> None:
    """Keeps the job ours until the transaction ends; LeaseLost when it is not any more."""
    if not await uow.jobs.start(job.id, job.fence):
        raise LeaseLost("Another worker has the job.")
