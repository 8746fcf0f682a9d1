"""How hits of a search got their places."""

from __future__ import annotations

from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.chunks import Chunk
from lorebase.api.graphql.context import Info
from lorebase.api.graphql.enums import QueryKind, SearchPart
from lorebase.api.graphql.fields import computed
from lorebase.schemas import search as values


@strawberry.type(description="A text that was searched for.")
class SearchedQuery:
    """One query of a search."""

    kind: QueryKind = strawberry.field(description="Where it came from.")
    text: str = strawberry.field(description="The text.")

    @classmethod
    def from_value(cls, value: values.SearchedQuery) -> Self:
        """Shows a query."""
        return cls(kind=value.kind, text=value.text)


@strawberry.type(description="A passage that was left out because a hit says the same, or nearly.")
class CollapsedCopy:
    """A passage that a hit stands for."""

    fused_rank: int = strawberry.field(description="Its rank after fusion.")
    resemblance: float = strawberry.field(
        description="How much of the two is the same, from 0 to 1: the Jaccard index of their runs of four "
        "words (characters in Han, Kana and Hangul); 1 for equal words."
    )
    chunk_id: strawberry.Private[UUID]

    @classmethod
    def from_value(cls, value: values.CollapsedCopy) -> Self:
        """Shows a copy."""
        return cls(fused_rank=value.fused_rank, resemblance=value.resemblance, chunk_id=value.chunk_id)

    @computed("The passage; null when it was deleted since.")
    async def chunk(self, info: Info) -> Chunk | None:
        """What was left out."""
        return await Chunk.find(info.context.loaders, self.chunk_id)


@strawberry.type(
    description="Ranks of a hit by step, from 1; null where the step did not find or rank it. Then how the "
    "search was done."
)
class SearchExplanation:
    """How a hit got its place."""

    collapsed: list[CollapsedCopy] = strawberry.field(
        description="Copies that the hit stands for, the best first, at most 20; `copies` counts all of them."
    )
    degraded: list[SearchPart] = strawberry.field(
        description="Parts of the search that were left out, as a rule none."
    )
    fused_rank: int = strawberry.field(description="Rank after fusion.")
    keyword_rank: int | None = strawberry.field(description="Rank by keywords.")
    profile: str = strawberry.field(description="Retrieval profile and version, such as `default@1`.")
    queries: list[SearchedQuery] = strawberry.field(
        description="What was searched for, the query asked first; empty for hits that were kept before this "
        "was noted. At most 6."
    )
    rerank_rank: int | None = strawberry.field(description="Rank after reranking.")
    vector_rank: int | None = strawberry.field(description="Rank by vector similarity.")

    @classmethod
    def from_value(cls, value: values.SearchExplanation) -> Self:
        """Shows ranks and queries."""
        return cls(
            collapsed=[CollapsedCopy.from_value(copy) for copy in value.collapsed],
            degraded=list(value.degraded),
            fused_rank=value.fused_rank,
            keyword_rank=value.keyword_rank,
            profile=value.profile,
            queries=[SearchedQuery.from_value(query) for query in value.queries],
            rerank_rank=value.rerank_rank,
            vector_rank=value.vector_rank,
        )


@strawberry.type(description="Component scores of a hit.")
class SearchScores:
    """What each component thought of a hit."""

    keyword: float | None = strawberry.field(description="Keyword score; null when not used.")
    rerank: float | None = strawberry.field(description="Reranker score; null when not used.")
    vector: float | None = strawberry.field(description="Cosine similarity; null when not used.")

    @classmethod
    def from_value(cls, value: values.SearchScores) -> Self:
        """Shows the scores."""
        return cls(keyword=value.keyword, rerank=value.rerank, vector=value.vector)
