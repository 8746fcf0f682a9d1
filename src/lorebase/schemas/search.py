"""Searches: what is asked, what each leg finds, what comes out."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from lorebase.schemas.base import Value
from lorebase.schemas.filters import SearchFilter

DEFAULT_PROFILE = "default@1"


class SearchMode(StrEnum):
    """How candidates are found."""

    HYBRID = "HYBRID"
    KEYWORD = "KEYWORD"
    VECTOR = "VECTOR"


class SearchPart(StrEnum):
    """A part of a search that may be left out."""

    EXPANSION = "EXPANSION"
    KEYWORD = "KEYWORD"
    RERANK = "RERANK"


class QueryKind(StrEnum):
    """Where a query that was searched came from."""

    ORIGINAL = "ORIGINAL"
    REWRITTEN = "REWRITTEN"
    VARIANT = "VARIANT"
    HYPOTHETICAL = "HYPOTHETICAL"


class SearchedQuery(Value):
    """A text that was really searched for."""

    kind: QueryKind
    text: str


class Expansion(Value):
    """What a chat model made of a query, or that it failed to; later pages of a search use it again."""

    texts: tuple[str, ...] = ()
    failed: bool = False


class SearchRequest(Value):
    """How to retrieve. `offset` skips hits of the pinned result order; `limit` is the page size.

    `mmr_lambda` spreads the first hits by maximal marginal relevance: 1 keeps the order, 0 wants difference
    alone. `profile` names a retrieval profile, which decides what is None of `mode`, `rerank`,
    `collapse_copies` and `mmr_lambda`. `expansion` is that of the first page, for the pages after it.
    """

    knowledge_base_ids: tuple[UUID, ...]
    query: str
    mode: SearchMode | None = None
    filter: SearchFilter | None = None
    min_score: float | None = None
    rerank: bool | None = None
    collapse_copies: bool | None = None
    mmr_lambda: float | None = None
    profile: str | None = None
    expansion: Expansion | None = None
    limit: int = 10
    offset: int = 0


class SettledRequest(SearchRequest):
    """The same with what the profile decides. Without `mmr_lambda` nothing is spread."""

    mode: SearchMode = SearchMode.HYBRID
    collapse_copies: bool = False


class TextRange(Value):
    """A range of text in Unicode code points, end exclusive."""

    start: int
    end: int


class SearchScores(Value):
    """Component scores; None where a component was not used or did not find the passage."""

    vector: float | None = None
    keyword: float | None = None
    rerank: float | None = None


class CollapsedCopy(Value):
    """A passage that another one stands for, its rank after fusion, and how much of the two is the same.

    `resemblance` is the Jaccard index of their runs of four words: 1 for equal words.
    """

    chunk_id: UUID
    fused_rank: int
    resemblance: float


class SearchExplanation(Value):
    """Ranks by step, from 1; None where the step did not find or rank the passage.

    `collapsed` holds the first copies that the hit stands for, at most 20. Then how the whole search was
    done: by which profile, for which queries, and without which parts. Of hits that were kept before there
    were profiles the queries are not known.
    """

    fused_rank: int
    vector_rank: int | None = None
    keyword_rank: int | None = None
    rerank_rank: int | None = None
    collapsed: tuple[CollapsedCopy, ...] = ()
    profile: str = DEFAULT_PROFILE
    queries: tuple[SearchedQuery, ...] = ()
    degraded: tuple[SearchPart, ...] = ()


class SearchHit(Value):
    """A passage found. `score` is comparable within one result only.

    `copies` is how many passages that say the same, or nearly, were met and left out for it.
    """

    chunk_id: UUID
    document_id: UUID
    version_id: UUID
    score: float
    scores: SearchScores
    explanation: SearchExplanation
    highlights: tuple[TextRange, ...]
    copies: int = 0


class SearchResult(Value):
    """A page of hits in order, whether more follow, the indexes that answered and the milliseconds spent.

    `degraded` names what had to be left out (for example the keyword leg after a timeout). `expansion` is for
    the requests of later pages; None when the profile makes none.
    """

    hits: tuple[SearchHit, ...]
    has_next: bool
    index_ids: tuple[UUID, ...]
    took_ms: int
    degraded: tuple[SearchPart, ...] = ()
    profile: str = DEFAULT_PROFILE
    queries: tuple[SearchedQuery, ...] = ()
    expansion: Expansion | None = None


class ScoredChunk(Value):
    """A candidate of one leg: cosine similarity from the vector leg, BM25 from the keyword leg."""

    chunk_id: UUID
    document_id: UUID
    generation: int | None
    score: float


class ChunkRow(Value):
    """What every row of a Milvus collection says of its passage: source, context and version metadata.

    `context` is the heading path joined by " > "; `created_at` is the document's. `metadata` holds declared
    fields only. `embedding_version` names what made the vector: the model, or the keyword analyser.
    """

    chunk_id: UUID
    workspace_id: UUID
    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    generation: int
    ordinal: int
    embedding_version: str
    source: str
    context: str
    title: str
    media_type: str
    language: str | None
    tags: tuple[str, ...]
    metadata: dict[str, JsonValue]
    page: int | None
    token_count: int
    created_at: datetime


class ChunkVector(ChunkRow):
    """The row of a passage with its embedding."""

    vector: tuple[float, ...]


class ChunkWeights(ChunkRow):
    """The row of a passage with the BM25 weights of its terms; empty for a passage without words."""

    weights: dict[int, float]


class VectorIdentity(Value):
    """Which passage a row of a Milvus collection belongs to, without its vector and its fields."""

    chunk_id: UUID
    document_id: UUID
    generation: int
    ordinal: int


class PartitionAddress(Value):
    """Where a tenant's vectors are: a collection and a partition that was generated by us, never empty."""

    collection: Annotated[str, Field(min_length=1)]
    partition: Annotated[str, Field(min_length=1)]
    workspace_id: UUID


class VectorQuery(Value):
    """A search by vector within a tenant's partition. `document_ids` narrows to documents known to match."""

    vector: tuple[float, ...]
    limit: int
    knowledge_base_ids: tuple[UUID, ...]
    filter: SearchFilter | None = None
    document_ids: tuple[UUID, ...] | None = None


class KeywordQuery(Value):
    """A search by weighted terms; `terms` are 32-bit hashes made by the analyser of `analyser_version`.

    `filter` helps an index that knows it to fewer candidates; others leave it to the check of their hits.
    """

    terms: tuple[int, ...]
    analyser_version: int
    limit: int
    knowledge_base_ids: tuple[UUID, ...]
    filter: SearchFilter | None = None
    document_ids: tuple[UUID, ...] | None = None


class KeywordStatistics(Value):
    """How many passages a workspace has, and how many hold a term; a term that none holds is absent."""

    passages: int
    frequencies: dict[int, int]

    def inverse_frequencies(self) -> dict[int, float]:
        """BM25's idf by term: ln(1 + (N - df + .5) / (df + .5)), with N at least df."""
        return {
            term: math.log((max(self.passages, frequency) + 1) / (frequency + 0.5))
            for term, frequency in self.frequencies.items()
        }


class KeywordPosting(Value):
    """One term of one passage with its BM25 weight (the part that does not depend on the query)."""

    term: int
    chunk_id: UUID
    weight: float
