"""Answers of the workspace with their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, delete, insert, null, select, update

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.models.answers import answers, citations
from lorebase.repositories.sql.connection import SqlConnection
from lorebase.repositories.sql.values import CLOCK, build, columns_of, is_one_of
from lorebase.schemas.answers import TERMINAL_ANSWER_STATUSES, Answer, Citation
from lorebase.schemas.search import TextRange

_COLUMNS = columns_of(answers, Answer)
_NULLABLE_JSON = ("error", "timings", "usage")
_UNCHANGEABLE = {
    "workspace_id",
    "id",
    "conversation_id",
    "message_id",
    "job_id",
    "question",
    "retrieval",
    "trace_id",
    "created_at",
    "updated_at",
}
_TERMINAL = sorted(map(str, TERMINAL_ANSWER_STATUSES))


class SqlAnswerRepository:
    """See ports/answers.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID) -> None:
        self._database = database
        self._workspace_id = workspace_id

    async def add(self, answer: Answer) -> None:
        """Adds it, queued."""
        await self._database.change(insert(answers).values(_row(answer)))
        await self._add_citations(answer)

    async def get(self, answer_id: UUID) -> Answer:
        """One by id with its citations, or NotFound."""
        found = await self.get_many([answer_id])
        if not found:
            raise NotFound("There is no such answer.")
        return found[0]

    async def get_many(self, ids: Sequence[UUID]) -> list[Answer]:
        """Those that exist, in any order."""
        return await self._all(select(*_COLUMNS).where(is_one_of(answers.c.id, ids)))

    async def by_message(self, message_ids: Sequence[UUID]) -> Mapping[UUID, Answer]:
        """Answers by the id of the assistant message that shows them."""
        found = await self._all(select(*_COLUMNS).where(is_one_of(answers.c.message_id, message_ids)))
        return {answer.message_id: answer for answer in found}

    async def save(self, answer: Answer) -> None:
        """Writes state, text, evidence and figures; citations are replaced. A terminal answer never changes.

        NotFound when there is none, Conflict(WRONG_STATE) when it is terminal already.
        """
        values = {name: value for name, value in _row(answer).items() if name not in _UNCHANGEABLE}
        changing = update(answers).where(answers.c.id == answer.id, answers.c.status.not_in(_TERMINAL))
        if await self._database.change(changing.values(**values, updated_at=CLOCK)) == 0:
            state = (await self.get(answer.id)).status
            raise Conflict(f"The answer is {state} already.", code=ErrorCode.WRONG_STATE)
        await self._database.change(delete(citations).where(citations.c.answer_id == answer.id))
        await self._add_citations(answer)

    async def _add_citations(self, answer: Answer) -> None:
        if answer.citations:
            rows = [_citation_row(answer, position) for position in range(len(answer.citations))]
            await self._database.change(insert(citations).values(rows))

    async def _all(self, statement: Select[Any]) -> list[Answer]:
        rows = await self._database.rows(statement)
        cited = await self._citations([row.id for row in rows]) if rows else {}
        return [build(Answer, row, citations=tuple(cited.get(row.id, ()))) for row in rows]

    async def _citations(self, answer_ids: Sequence[UUID]) -> dict[UUID, list[Citation]]:
        statement = select(citations).where(is_one_of(citations.c.answer_id, answer_ids))
        found: dict[UUID, list[Citation]] = {}
        for row in await self._database.rows(statement.order_by(citations.c.answer_id, citations.c.position)):
            found.setdefault(row.answer_id, []).append(_citation(row))
        return found


def _row(answer: Answer) -> dict[str, Any]:
    plain = answer.model_dump(exclude={"citations", "retrieval", "retrieved", "sentences", *_NULLABLE_JSON})
    json = answer.model_dump(mode="json", include={"retrieval", "retrieved", "sentences", *_NULLABLE_JSON})
    for name in _NULLABLE_JSON:
        json[name] = null() if json[name] is None else json[name]
    reason = answer.finish_reason
    return {
        **plain,
        **json,
        "status": str(answer.status),
        "finish_reason": None if reason is None else str(reason),
    }


def _citation_row(answer: Answer, position: int) -> dict[str, Any]:
    citation = answer.citations[position]
    return {
        "workspace_id": answer.workspace_id,
        "answer_id": answer.id,
        "position": position,
        "index": citation.index,
        "chunk_id": citation.chunk_id,
        "version_id": citation.version_id,
        "quote": citation.quote,
        "range_start": citation.range.start,
        "range_end": citation.range.end,
        "document_start": citation.document_range.start,
        "document_end": citation.document_range.end,
    }


def _citation(row: Row[Any]) -> Citation:
    found = row._mapping
    return Citation(
        index=found["index"],
        chunk_id=row.chunk_id,
        version_id=row.version_id,
        quote=row.quote,
        range=TextRange(start=row.range_start, end=row.range_end),
        document_range=TextRange(start=row.document_start, end=row.document_end),
    )
