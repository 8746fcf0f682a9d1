"""BM25 postings in memory."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from lorebase.core.errors import Transient
from lorebase.schemas.search import KeywordPosting, KeywordQuery, ScoredChunk
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

    async def search(self, query: KeywordQuery, timeout_ms: int) -> list[ScoredChunk]:
        if timeout_ms <= 0:
            raise Transient("The keyword search took too long.")
        weights: dict[int, dict[UUID, float]] = defaultdict(dict)
        documents: dict[UUID, tuple[UUID, UUID]] = {}
        for (document_id, version), row in self._state.postings.items():
            if row.workspace_id != self._workspace_id or version != query.analyser_version:
                continue
            for posting in row.postings:
                weights[posting.term][posting.chunk_id] = posting.weight
                documents[posting.chunk_id] = (document_id, row.knowledge_base_id)
        scores: dict[UUID, float] = defaultdict(float)
        for term in set(query.terms):
            idf = _idf(len(documents), len(weights[term]))
            for chunk_id, weight in weights[term].items():
                scores[chunk_id] += idf * weight
        hits = [
            ScoredChunk(chunk_id=chunk_id, document_id=documents[chunk_id][0], generation=None, score=score)
            for chunk_id, score in scores.items()
            if documents[chunk_id][1] in query.knowledge_base_ids
            and (query.document_ids is None or documents[chunk_id][0] in query.document_ids)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[: query.limit]


def _idf(passages: int, holding: int) -> float:
    return math.log(1 + (passages - holding + 0.5) / (holding + 0.5))
