"""What an evaluation set may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from lorebase.core.config import Settings
from lorebase.core.errors import BadInput, LimitExceeded
from lorebase.core.ids import new_id
from lorebase.schemas.evaluations import (
    CASES_OF_A_REQUEST,
    CASES_OF_A_SET,
    RELEVANT_OF_A_CASE,
    EvaluationCase,
    NewCase,
    Relevance,
)
from lorebase.schemas.search import SearchRequest
from lorebase.services.documents.document_rules import checked_external_id
from lorebase.services.search.search_rules import check_request
from lorebase.services.text_rules import refuse_unstorable

GRADE_MAXIMUM = 1000


def checked_cases(cases: Sequence[NewCase], knowledge_base_id: UUID, settings: Settings) -> None:
    """BadInput, with the field, for the first question that no run could measure."""
    if not 1 <= len(cases) <= CASES_OF_A_REQUEST:
        raise BadInput(f"Give 1 to {CASES_OF_A_REQUEST} questions at a time.", field=["cases"])
    for place, case in enumerate(cases):
        path = ["cases", str(place)]
        try:
            refuse_unstorable(case.query, ["query"])
            check_request(SearchRequest(knowledge_base_ids=(knowledge_base_id,), query=case.query), settings)
            _check_relevant(case.relevant)
        except BadInput as error:
            raise BadInput(error.message, code=error.code, field=[*path, *(error.field or [])]) from error


def _check_relevant(relevant: Sequence[Relevance]) -> None:
    if not 1 <= len(relevant) <= RELEVANT_OF_A_CASE:
        message = f"Name 1 to {RELEVANT_OF_A_CASE} relevant documents for each question."
        raise BadInput(message, field=["relevant"])
    for place, each in enumerate(relevant):
        checked_external_id(each.external_id)
        if not 1 <= each.grade <= GRADE_MAXIMUM:
            raise BadInput(f"A grade is from 1 to {GRADE_MAXIMUM}.", field=["relevant", str(place), "grade"])
    if len({each.external_id for each in relevant}) != len(relevant):
        raise BadInput("A relevant document is named twice.", field=["relevant"])


def numbered_cases(cases: Sequence[NewCase], behind: int) -> list[EvaluationCase]:
    """The questions with ids, at the positions behind those that a set has; LimitExceeded past its size."""
    if behind + len(cases) > CASES_OF_A_SET:
        message = f"A set holds at most {CASES_OF_A_SET} questions."
        raise LimitExceeded(message, field=["cases"], details={"limit": CASES_OF_A_SET})
    return list(_numbered(cases, behind))


def _numbered(cases: Sequence[NewCase], behind: int) -> Iterator[EvaluationCase]:
    for position, case in enumerate(cases, behind + 1):
        yield EvaluationCase(id=new_id(), position=position, query=case.query, relevant=case.relevant)
