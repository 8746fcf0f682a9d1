"""BM25 postings in memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from lorebase.core.errors import Transient
from lorebase.schemas.search import KeywordPosting, KeywordQuery, KeywordStatistics, ScoredChunk
from tests.fakes.memory.state import State, StoredPostings


class MemoryKeywords:
    """See ports/keyword_index.py. A timeout of 0 ms is always reached."""

    def __init__(self, state: State, workspace_id: UUID) -> None:
        self._state = state
        self._workspace_id = workspace_id

    async def replace(
        self,
        knowledge_base_id: UUID,
        document_id: UUID,
        analyser_version: int,
        postings: Sequence[KeywordPosting],
    ) -> None:
        row = StoredPostings(self._workspace_id, knowledge_base_id, tuple(postings))
        self._state.postings[document_id, analyser_version] = row

    async def remove(self, document_id: UUID) -> None:
        for key in [key for key in self._state.postings if key[0] == document_id]:
            del self._state.postings[key]

    async def remove_version(
        self, knowledge_base_id: UUID, analyser_version: int, after: UUID | None, limit: int
    ) -> UUID | None:
        documents = (
            one for one in self._state.documents.values() if one.knowledge_base_id == knowledge_base_id
        )
        ids = sorted(one.id for one in documents if after is None or one.id > after)[:limit]
        for document_id in ids:
            self._state.postings.pop((document_id, analyser_version), None)
        return ids[-1] if ids else None

    async def count(self, document_ids: Sequence[UUID], analyser_version: int) -> Mapping[UUID, int]:
        found = {one: self._state.postings.get((one, analyser_version)) for one in document_ids}
        return {
            one: len(row.postings)
            for one, row in found.items()
            if row is not None and row.postings and row.workspace_id == self._workspace_id
        }

    async def statistics(
        self, analyser_version: int, terms: Sequence[int], timeout_ms: int
    ) -> KeywordStatistics:
        if timeout_ms <= 0:
            raise Transient("The keyword search took too long.")
        holding = Counter(unsigned(posting.term) for _, _, posting in self._all(analyser_version))
        return KeywordStatistics(
            passages=self._passages(analyser_version),
            frequencies={term: holding[unsigned(term)] for term in terms if holding[unsigned(term)]},
        )

    async def search(self, query: KeywordQuery, timeout_ms: int) -> list[ScoredChunk]:
        counted = await self.statistics(query.analyser_version, query.terms, timeout_ms)
        idf = {unsigned(term): idf for term, idf in counted.inverse_frequencies().items()}
        scores: dict[UUID, float] = defaultdict(float)
        documents: dict[UUID, UUID] = {}
        for document_id, row, posting in self._all(query.analyser_version):
            if (
                row.knowledge_base_id in query.knowledge_base_ids
                and (query.document_ids is None or document_id in query.document_ids)
                and unsigned(posting.term) in idf
            ):
                scores[posting.chunk_id] += idf[unsigned(posting.term)] * posting.weight
                documents[posting.chunk_id] = document_id
        hits = [
            ScoredChunk(chunk_id=chunk_id, document_id=documents[chunk_id], generation=None, score=score)
            for chunk_id, score in scores.items()
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[: query.limit]

    def _all(self, analyser_version: int) -> Iterator[tuple[UUID, StoredPostings, KeywordPosting]]:
        for (document_id, version), row in self._state.postings.items():
            if row.workspace_id == self._workspace_id and version == analyser_version:
                for posting in row.postings:
                    yield document_id, row, posting

    def _passages(self, analyser_version: int) -> int:
        """Indexes of a knowledge base share the words: the fullest counts."""
        held: Counter[UUID] = Counter()
        for (index_id, _), row in self._state.index_documents.items():
            if row.workspace_id == self._workspace_id:
                held[index_id] += row.chunk_count
        fullest: Counter[UUID] = Counter()
        for index in self._state.indexes.values():
            if index.analyser_version == analyser_version:
                base = index.knowledge_base_id
                fullest[base] = max(fullest[base], held[index.id])
        return fullest.total()


def unsigned(term: int) -> int:
    """The 32 bits of a term, which may be read with a sign or without."""
    return term % 2**32
