"""Storage of evaluation sets, their questions, runs and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.evaluations import (
    CaseResult,
    EvaluationCase,
    EvaluationMetrics,
    EvaluationRun,
    EvaluationSet,
)
from lorebase.schemas.jobs import Job
from lorebase.schemas.pagination import Page, PageRequest


class EvaluationRepository(Protocol):
    """Evaluations of the workspace of the unit of work; none of a deleted knowledge base."""

    async def add_set(self, evaluation_set: EvaluationSet) -> None:
        """Adds it without questions. Conflict when its knowledge base has one of this name."""
        ...

    async def get_set(self, set_id: UUID, *, lock: bool = False) -> EvaluationSet:
        """One by id, or NotFound; `lock` keeps others from changing it until the transaction ends."""
        ...

    async def get_sets(self, ids: Sequence[UUID]) -> list[EvaluationSet]:
        """Those that exist, in any order."""
        ...

    async def set_page(self, knowledge_base_id: UUID, page: PageRequest) -> Page[EvaluationSet]:
        """Sets of a knowledge base, newest first."""
        ...

    async def count_sets(self, knowledge_base_id: UUID) -> int:
        """Their number, capped."""
        ...

    async def remove_set(self, set_id: UUID) -> list[Job]:
        """Removes it with its questions, runs and results, or NotFound.

        Asks the open EVALUATE jobs of its runs to stop, and returns those.
        """
        ...

    async def add_cases(self, set_id: UUID, cases: Sequence[EvaluationCase]) -> EvaluationSet:
        """Adds questions at the positions they carry and counts them."""
        ...

    async def cases_after(self, set_id: UUID, position: int, limit: int) -> list[EvaluationCase]:
        """Questions behind a position, in order."""
        ...

    async def add_run(self, run: EvaluationRun) -> None:
        """Adds it, incomplete. NotFound when set, index or job does not exist."""
        ...

    async def get_run(self, run_id: UUID) -> EvaluationRun:
        """One by id, or NotFound."""
        ...

    async def get_runs(self, ids: Sequence[UUID]) -> list[EvaluationRun]:
        """Those that exist, in any order."""
        ...

    async def runs_of_jobs(self, job_ids: Sequence[UUID]) -> list[EvaluationRun]:
        """Runs that these jobs make or made, in any order."""
        ...

    async def run_page(
        self, page: PageRequest, *, knowledge_base_id: UUID, set_id: UUID | None
    ) -> Page[EvaluationRun]:
        """Runs of a knowledge base, or of one set of it, newest first."""
        ...

    async def count_runs(self, *, knowledge_base_id: UUID, set_id: UUID | None) -> int:
        """Their number, capped."""
        ...

    async def complete_run(self, run_id: UUID, metrics: EvaluationMetrics) -> EvaluationRun:
        """Keeps the figures of a run. NotFound when it is gone."""
        ...

    async def add_results(self, run_id: UUID, results: Sequence[CaseResult]) -> None:
        """Keeps what questions scored; one that is there already stays."""
        ...

    async def results(self, run_id: UUID) -> list[CaseResult]:
        """All that a run has so far, in the order of the questions."""
        ...

    async def result_page(self, run_id: UUID, page: PageRequest) -> Page[CaseResult]:
        """The same by pages."""
        ...

    async def count_results(self, run_id: UUID) -> int:
        """Their number, capped."""
        ...
