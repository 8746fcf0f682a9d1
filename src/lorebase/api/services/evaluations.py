"""The service about evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from lorebase.schemas.evaluations import (
    AddEvaluationCases,
    CaseResult,
    CreateEvaluationSet,
    EvaluationComparison,
    EvaluationRun,
    EvaluationSet,
    RunEvaluation,
)
from lorebase.schemas.pagination import Page, PageRequest
from lorebase.schemas.workspaces import Principal


class Evaluations(Protocol):
    """Evaluation sets and runs of the caller's workspace."""

    async def create_set(self, principal: Principal, command: CreateEvaluationSet, /) -> EvaluationSet:
        """Adds a set with its questions."""
        ...

    async def add_cases(self, principal: Principal, command: AddEvaluationCases, /) -> EvaluationSet:
        """Adds questions to a set."""
        ...

    async def delete_set(self, principal: Principal, set_id: UUID, idempotency_key: str | None, /) -> None:
        """Removes a set with its runs."""
        ...

    async def run(self, principal: Principal, command: RunEvaluation, /) -> EvaluationRun:
        """Queues a measurement."""
        ...

    async def get_sets(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EvaluationSet]:
        """Those that exist."""
        ...

    async def set_page(
        self, principal: Principal, knowledge_base_id: UUID, page: PageRequest, /
    ) -> Page[EvaluationSet]:
        """Sets of a knowledge base, newest first."""
        ...

    async def count_sets(self, principal: Principal, knowledge_base_id: UUID, /) -> int:
        """Their number, capped."""
        ...

    async def get_runs(self, principal: Principal, ids: Sequence[UUID], /) -> Sequence[EvaluationRun]:
        """Those that exist."""
        ...

    async def run_page(
        self, principal: Principal, knowledge_base_id: UUID, set_id: UUID | None, page: PageRequest, /
    ) -> Page[EvaluationRun]:
        """Runs of a knowledge base, or of one of its sets, newest first."""
        ...

    async def count_runs(self, principal: Principal, knowledge_base_id: UUID, set_id: UUID | None, /) -> int:
        """Their number, capped."""
        ...

    async def result_page(self, principal: Principal, run_id: UUID, page: PageRequest, /) -> Page[CaseResult]:
        """What each question scored."""
        ...

    async def count_results(self, principal: Principal, run_id: UUID, /) -> int:
        """Their number, capped."""
        ...

    async def comparison(
        self, principal: Principal, run_id: UUID, baseline_id: UUID, /
    ) -> EvaluationComparison | None:
        """What changed between two runs."""
        ...
