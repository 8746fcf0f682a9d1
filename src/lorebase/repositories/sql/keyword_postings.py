"""BM25 postings: words of passages with their weights, and the search over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, delete, func, select, text

from lorebase.core.errors import ErrorCode, Transient, Unavailable
from lorebase.models.chunks import keyword_postings
from lorebase.repositories.database_errors import STATEMENT_CANCELLED
from lorebase.repositories.sql.connection import Parameters, SqlConnection
from lorebase.repositories.sql.document_rows import lock_document
from lorebase.repositories.sql.values import is_one_of
from lorebase.schemas.search import KeywordPosting, KeywordQuery, KeywordStatistics, ScoredChunk

_BATCH = 20_000
_SIGN = 2**31

_INSERT = text(
    """
    INSERT INTO keyword_postings (
        workspace_id, analyser_version, term, chunk_id, document_id, knowledge_base_id, weight
    )
    SELECT
        CAST(:workspace_id AS uuid), CAST(:analyser_version AS smallint), term, chunk_id,
        CAST(:document_id AS uuid), CAST(:knowledge_base_id AS uuid), weight
    FROM unnest(CAST(:terms AS int[]), CAST(:chunks AS uuid[]), CAST(:weights AS real[]))
        AS new(term, chunk_id, weight)
    """
)

# idf = ln(1 + (N - df + .5) / (df + .5)) = ln((N + 1) / (df + .5)) counts over the whole workspace; only then
# is the search narrowed. N is the number of passages whose words this version made, at least df: indexes of a
# knowledge base share them, so that the fullest counts. Materialised, so that postings are read once and a
# logarithm is taken once a term, not once a posting.
_PASSAGES = """
        SELECT coalesce(sum(fullest.passages), 0) AS total FROM (
            SELECT DISTINCT ON (held.knowledge_base_id) held.passages FROM (
                SELECT embedding_indexes.knowledge_base_id, sum(index_documents.chunk_count) AS passages
                FROM embedding_indexes
                JOIN index_documents ON index_documents.index_id = embedding_indexes.id
                WHERE embedding_indexes.analyser_version = :analyser_version
                GROUP BY embedding_indexes.knowledge_base_id, embedding_indexes.id
            ) AS held
            ORDER BY held.knowledge_base_id, held.passages DESC
        ) AS fullest
"""
_SEARCH = """
    WITH matched AS MATERIALIZED (
        SELECT term, chunk_id, knowledge_base_id, weight{document} FROM keyword_postings
        WHERE analyser_version = :analyser_version AND term = ANY(CAST(:terms AS int[]))
    ), passages AS ({passages}), frequencies AS (
        SELECT term, count(*) AS frequency FROM matched GROUP BY term
    ), weights AS MATERIALIZED (
        SELECT term,
               ln((greatest(total, frequency) + 1)::double precision
                  / (frequency + 0.5::double precision)) AS idf
        FROM frequencies CROSS JOIN passages
    ), best AS (
        SELECT matched.chunk_id, sum(matched.weight * weights.idf) AS score
        FROM matched JOIN weights USING (term)
        WHERE matched.knowledge_base_id = ANY(CAST(:knowledge_base_ids AS uuid[])){narrowed}
        GROUP BY matched.chunk_id
        ORDER BY score DESC, matched.chunk_id LIMIT :limit
    )
    SELECT best.chunk_id, best.score, chunks.document_id, chunks.generation
    FROM best JOIN chunks ON chunks.id = best.chunk_id
    ORDER BY best.score DESC, best.chunk_id
"""
_SEARCH_ALL = text(_SEARCH.format(passages=_PASSAGES, document="", narrowed=""))
_SEARCH_IN = text(
    _SEARCH.format(
        passages=_PASSAGES,
        document=", document_id",
        narrowed=" AND matched.document_id = ANY(CAST(:document_ids AS uuid[]))",
    )
)
# The same counts alone, from the search index: nothing is sorted, joined or kept.
_STATISTICS = text(
    f"""
    WITH passages AS ({_PASSAGES}), frequencies AS (
        SELECT term, count(*) AS frequency FROM keyword_postings
        WHERE analyser_version = :analyser_version AND term = ANY(CAST(:terms AS int[]))
        GROUP BY term
    )
    SELECT term, frequency, total FROM frequencies CROSS JOIN passages
    """
)

_REMOVE_VERSION = text(
    """
    WITH next AS MATERIALIZED (
        SELECT id FROM documents
        WHERE knowledge_base_id = :knowledge_base_id AND id > :after ORDER BY id LIMIT :limit FOR UPDATE
    ), gone AS (
        DELETE FROM keyword_postings USING next
        WHERE keyword_postings.document_id = next.id AND analyser_version = :analyser_version
    )
    SELECT id FROM next ORDER BY id DESC LIMIT 1
    """
)
_NO_DOCUMENT = UUID(int=0)


class SqlKeywordPostings:
    """See ports/keyword_index.py."""

    def __init__(self, database: SqlConnection, workspace_id: UUID, statement_timeout_ms: int) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._statement_timeout_ms = statement_timeout_ms

    async def replace(
        self,
        knowledge_base_id: UUID,
        document_id: UUID,
        analyser_version: int,
        postings: Sequence[KeywordPosting],
    ) -> None:
        """Puts the postings in place of the document's old ones of that analyser version."""
        await lock_document(self._database, document_id)
        await self._database.change(
            delete(keyword_postings).where(
                keyword_postings.c.document_id == document_id,
                keyword_postings.c.analyser_version == analyser_version,
            )
        )
        common = {
            "workspace_id": self._workspace_id,
            "knowledge_base_id": knowledge_base_id,
            "document_id": document_id,
            "analyser_version": analyser_version,
        }
        for arrays in _batches(postings):
            await self._database.change(_INSERT, {**common, **arrays})

    async def remove(self, document_id: UUID) -> None:
        """Removes the document's postings of every analyser version."""
        await self._database.change(
            delete(keyword_postings).where(keyword_postings.c.document_id == document_id)
        )

    async def remove_version(
        self, knowledge_base_id: UUID, analyser_version: int, after: UUID | None, limit: int
    ) -> UUID | None:
        """Removes one version's postings of the next documents by id; the last of them, None at the end."""
        values = {
            "knowledge_base_id": knowledge_base_id,
            "analyser_version": analyser_version,
            "after": after or _NO_DOCUMENT,
            "limit": limit,
        }
        row = await self._database.first(_REMOVE_VERSION, values)
        return row.id if row is not None else None

    async def count(self, document_ids: Sequence[UUID], analyser_version: int) -> Mapping[UUID, int]:
        """The number of a version's postings by document; one without any is absent."""
        document = keyword_postings.c.document_id
        statement = (
            select(document, func.count().label("postings"))
            .where(is_one_of(document, document_ids), keyword_postings.c.analyser_version == analyser_version)
            .group_by(document)
        )
        return {row.document_id: row.postings for row in await self._database.rows(statement)}

    async def search(self, query: KeywordQuery, timeout_ms: int) -> list[ScoredChunk]:
        """The best passages by BM25, best first; Transient when the statement timeout is reached."""
        if not query.terms or query.limit < 1:
            return []
        rows = await self._rows_in_time(*_statement(query), timeout_ms)
        return [
            ScoredChunk(
                chunk_id=row.chunk_id, document_id=row.document_id, generation=row.generation, score=row.score
            )
            for row in rows
        ]

    async def statistics(
        self, analyser_version: int, terms: Sequence[int], timeout_ms: int
    ) -> KeywordStatistics:
        """How often terms are held in the workspace; Transient when the statement timeout is reached."""
        asked = {_signed(term): term for term in terms}
        values: Parameters = {"analyser_version": analyser_version, "terms": sorted(asked)}
        rows = await self._rows_in_time(_STATISTICS, values, timeout_ms)
        return KeywordStatistics(
            passages=rows[0].total if rows else 0,
            frequencies={asked[row.term]: row.frequency for row in rows},
        )

    async def _rows_in_time(
        self, statement: TextClause, values: Parameters, timeout_ms: int
    ) -> Sequence[Row[Any]]:
        await self._database.script(
            f"SAVEPOINT keyword_search; SET LOCAL statement_timeout = {int(timeout_ms)}"
        )
        try:
            rows = await self._database.rows(statement, values)
        except Unavailable as error:
            if error.details.get("reason") != STATEMENT_CANCELLED:
                raise
            await self._database.script(
                "ROLLBACK TO SAVEPOINT keyword_search; RELEASE SAVEPOINT keyword_search"
            )
            raise Transient("The keyword search took too long.", code=ErrorCode.OVERLOADED) from None
        usual = f"SET LOCAL statement_timeout = {self._statement_timeout_ms}"
        await self._database.script(f"RELEASE SAVEPOINT keyword_search; {usual}")
        return rows


def _statement(query: KeywordQuery) -> tuple[TextClause, Parameters]:
    values: dict[str, object] = {
        "analyser_version": query.analyser_version,
        # Sorted and each once: a term asked twice must not count twice.
        "terms": sorted({_signed(term) for term in query.terms}),
        "knowledge_base_ids": list(query.knowledge_base_ids),
        "limit": query.limit,
    }
    if query.document_ids is None:
        return _SEARCH_ALL, values
    return _SEARCH_IN, {**values, "document_ids": list(query.document_ids)}


def _batches(postings: Sequence[KeywordPosting]) -> Iterator[Parameters]:
    # In the order of the index: neighbours go to the same page, and writers never wait in a circle.
    ordered = sorted(
        ((_signed(posting.term), posting.chunk_id, posting.weight) for posting in postings),
        key=lambda posting: (posting[0], posting[1].bytes),
    )
    for start in range(0, len(ordered), _BATCH):
        terms, chunks, weights = zip(*ordered[start : start + _BATCH], strict=True)
        yield {"terms": terms, "chunks": chunks, "weights": weights}


def _signed(term: int) -> int:
    """An unsigned 32-bit hash as PostgreSQL's integer."""
    return (term + _SIGN) % (2 * _SIGN) - _SIGN
