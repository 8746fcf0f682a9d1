"""Evaluation sets, their questions, runs and results of the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from lorebase.core.errors import Conflict, NotFound
from lorebase.models.evaluations import (
    evaluation_cases,
    evaluation_results,
    evaluation_runs,
    evaluation_sets,
)
from lorebase.models.jobs import jobs
from lorebase.models.knowledge_bases import knowledge_bases
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.job_rows import ASK_TO_STOP, JOB_COLUMNS, OPEN, job_of
from lorebase.repositories.sql.knowledge_bases import IS_KEPT
from lorebase.repositories.sql.pagination import NUMBER, TIME, Keyset, read_page
from lorebase.repositories.sql.values import CLOCK, build, columns_of, is_one_of
from lorebase.schemas.evaluations import (
    CaseResult,
    EvaluationCase,
    EvaluationMetrics,
    EvaluationRun,
    EvaluationSet,
)
from lorebase.schemas.jobs import Job, JobKind
from lorebase.schemas.pagination import Page, PageRequest

_KEPT = select(knowledge_bases.c.id).where(IS_KEPT)
_SET_IS_THERE = evaluation_sets.c.knowledge_base_id.in_(_KEPT)
_RUN_IS_THERE = evaluation_runs.c.knowledge_base_id.in_(_KEPT)
_SETS = select(*columns_of(evaluation_sets, EvaluationSet)).where(_SET_IS_THERE)
_CASES = select(*columns_of(evaluation_cases, EvaluationCase))
_RUN_COLUMNS = columns_of(evaluation_runs, EvaluationRun)
_RUNS = select(*_RUN_COLUMNS).where(_RUN_IS_THERE)
_RUN_IDS = select(evaluation_runs.c.id).where(_RUN_IS_THERE)
_RESULTS = select(*columns_of(evaluation_results, CaseResult), evaluation_cases.c.query).join(
    evaluation_cases, evaluation_cases.c.id == evaluation_results.c.case_id
)
_SETS_BY_AGE = Keyset(evaluation_sets.c.created_at, evaluation_sets.c.id, TIME, descending=True)
_RUNS_BY_AGE = Keyset(evaluation_runs.c.created_at, evaluation_runs.c.id, TIME, descending=True)
_IN_ORDER = Keyset(evaluation_results.c.position, evaluation_results.c.case_id, NUMBER)


class SqlEvaluationRepository:
    """See ports/evaluations.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add_set(self, evaluation_set: EvaluationSet) -> None:
        """Adds it without questions. Conflict when its knowledge base has one of this name."""
        row = {**evaluation_set.model_dump(), "case_count": 0}
        try:
            await self._database.change(insert(evaluation_sets).values(row))
        except Conflict as error:
            message = "The knowledge base has an evaluation set of this name already."
            raise Conflict(message, field=["name"]) from error

    async def get_set(self, set_id: UUID, *, lock: bool = False) -> EvaluationSet:
        """One by id, or NotFound."""
        statement = _SETS.where(evaluation_sets.c.id == set_id)
        row = await self._database.first(statement.with_for_update(key_share=True) if lock else statement)
        if row is None:
            raise NotFound("There is no such evaluation set.")
        return build(EvaluationSet, row)

    async def get_sets(self, ids: Sequence[UUID]) -> list[EvaluationSet]:
        """Those that exist, in any order."""
        rows = await self._database.rows(_SETS.where(is_one_of(evaluation_sets.c.id, ids)))
        return [build(EvaluationSet, row) for row in rows]

    async def set_page(self, knowledge_base_id: UUID, page: PageRequest) -> Page[EvaluationSet]:
        """Sets of a knowledge base, newest first."""
        statement = _SETS.where(evaluation_sets.c.knowledge_base_id == knowledge_base_id)
        return await read_page(self._database, statement, _SETS_BY_AGE, page, _set)

    async def count_sets(self, knowledge_base_id: UUID) -> int:
        """Their number, capped."""
        mine = evaluation_sets.c.knowledge_base_id == knowledge_base_id
        return await self._database.count(select(evaluation_sets.c.id).where(mine, _SET_IS_THERE))

    async def remove_set(self, set_id: UUID) -> list[Job]:
        """Removes it with all in it; asks the open jobs of its runs to stop, and returns those."""
        # The lock that a new run needs too: it is either among these by now, or finds the set gone.
        await self.get_set(set_id, lock=True)
        of_it = evaluation_runs.c.set_id == set_id
        at_work = jobs.c.id.in_(select(evaluation_runs.c.job_id).where(of_it))
        # A reindex whose gate measures has built an index: it says itself that the set is gone.
        measures = jobs.c.kind == JobKind.EVALUATE.value
        asked = update(jobs).where(at_work, measures, OPEN).values(ASK_TO_STOP)
        stopped = [job_of(row) for row in await self._database.rows(asked.returning(*JOB_COLUMNS))]
        # Run by run: each may have thousands of results, and every statement has a time limit.
        for row in await self._database.rows(select(evaluation_runs.c.id).where(of_it)):
            await self._database.change(delete(evaluation_runs).where(evaluation_runs.c.id == row.id))
        await self._database.change(delete(evaluation_sets).where(evaluation_sets.c.id == set_id))
        return stopped

    async def add_cases(self, set_id: UUID, cases: Sequence[EvaluationCase]) -> EvaluationSet:
        """Adds questions at the positions they carry and counts them."""
        own = {"workspace_id": self._workspace_id, "set_id": set_id}
        rows = [{**own, **case.model_dump(mode="json"), "id": case.id} for case in cases]
        await self._database.change(insert(evaluation_cases).values(rows))
        counted = evaluation_sets.c.case_count + len(rows)
        change = update(evaluation_sets).where(evaluation_sets.c.id == set_id)
        await self._database.change(change.values(case_count=counted, updated_at=CLOCK))
        return await self.get_set(set_id)

    async def cases_after(self, set_id: UUID, position: int, limit: int) -> list[EvaluationCase]:
        """Questions behind a position, in order."""
        behind = _CASES.where(evaluation_cases.c.set_id == set_id, evaluation_cases.c.position > position)
        rows = await self._database.rows(behind.order_by(evaluation_cases.c.position).limit(limit))
        return [build(EvaluationCase, row) for row in rows]

    async def add_run(self, run: EvaluationRun) -> None:
        """Adds it, incomplete. NotFound when set, index or job does not exist."""
        await self._database.change(
            insert(evaluation_runs).values({**run.model_dump(), "mode": str(run.mode)})
        )

    async def get_run(self, run_id: UUID) -> EvaluationRun:
        """One by id, or NotFound."""
        found = await self.get_runs([run_id])
        if not found:
            raise NotFound("There is no such evaluation run.")
        return found[0]

    async def get_runs(self, ids: Sequence[UUID]) -> list[EvaluationRun]:
        """Those that exist, in any order."""
        rows = await self._database.rows(_RUNS.where(is_one_of(evaluation_runs.c.id, ids)))
        return [build(EvaluationRun, row) for row in rows]

    async def runs_of_jobs(self, job_ids: Sequence[UUID]) -> list[EvaluationRun]:
        """Runs that these jobs make or made, in any order."""
        rows = await self._database.rows(_RUNS.where(is_one_of(evaluation_runs.c.job_id, job_ids)))
        return [build(EvaluationRun, row) for row in rows]

    async def run_page(
        self, page: PageRequest, *, knowledge_base_id: UUID, set_id: UUID | None
    ) -> Page[EvaluationRun]:
        """Runs of a knowledge base, or of one set of it, newest first."""
        statement = _of(_RUNS, knowledge_base_id, set_id)
        return await read_page(self._database, statement, _RUNS_BY_AGE, page, _run)

    async def count_runs(self, *, knowledge_base_id: UUID, set_id: UUID | None) -> int:
        """Their number, capped."""
        return await self._database.count(_of(_RUN_IDS, knowledge_base_id, set_id))

    async def complete_run(self, run_id: UUID, metrics: EvaluationMetrics) -> EvaluationRun:
        """Keeps the figures of a run. NotFound when it is gone."""
        change = update(evaluation_runs).where(evaluation_runs.c.id == run_id, _RUN_IS_THERE)
        values = {"metrics": metrics.model_dump(mode="json"), "updated_at": CLOCK}
        row = await self._database.first(change.values(values).returning(*_RUN_COLUMNS))
        if row is None:
            raise NotFound("There is no such evaluation run.")
        return _run(row)

    async def add_results(self, run_id: UUID, results: Sequence[CaseResult]) -> None:
        """Keeps what questions scored; one that is there already stays."""
        own = {"workspace_id": self._workspace_id, "run_id": run_id}
        rows = [{**own, **result.model_dump(exclude={"query"})} for result in results]
        await self._database.change(insert(evaluation_results).values(rows).on_conflict_do_nothing())

    async def results(self, run_id: UUID) -> list[CaseResult]:
        """All that a run has so far, in the order of the questions."""
        mine = _RESULTS.where(evaluation_results.c.run_id == run_id)
        rows = await self._database.rows(mine.order_by(evaluation_results.c.position))
        return [build(CaseResult, row) for row in rows]

    async def result_page(self, run_id: UUID, page: PageRequest) -> Page[CaseResult]:
        """The same by pages."""
        statement = _RESULTS.where(evaluation_results.c.run_id == run_id)
        return await read_page(self._database, statement, _IN_ORDER, page, _result)

    async def count_results(self, run_id: UUID) -> int:
        """Their number, capped."""
        mine = evaluation_results.c.run_id == run_id
        return await self._database.count(select(evaluation_results.c.position).where(mine))


def _of(statement: Select[Any], knowledge_base_id: UUID, set_id: UUID | None) -> Select[Any]:
    mine = statement.where(evaluation_runs.c.knowledge_base_id == knowledge_base_id)
    return mine if set_id is None else mine.where(evaluation_runs.c.set_id == set_id)


def _set(row: Row[Any]) -> EvaluationSet:
    return build(EvaluationSet, row)


def _run(row: Row[Any]) -> EvaluationRun:
    return build(EvaluationRun, row)


def _result(row: Row[Any]) -> CaseResult:
    return build(CaseResult, row)
