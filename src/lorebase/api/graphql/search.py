"""Search: hits with their passages, and the query that finds them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Self

import strawberry
from strawberry import UNSET
from strawberry.types.nodes import SelectedField, Selection

from lorebase.api.graphql.chunks import Chunk
from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.cursors import OffsetCursors
from lorebase.api.graphql.directives import Cost
from lorebase.api.graphql.embeddings import EmbeddingIndex
from lorebase.api.graphql.enums import QueryKind, SearchMode, SearchPart
from lorebase.api.graphql.fields import computed
from lorebase.api.graphql.filters import SearchFilter, read_filter
from lorebase.api.graphql.nodes import read_id
from lorebase.api.graphql.pagination import PageInfo, check_size
from lorebase.core.errors import BadInput
from lorebase.schemas import filters
from lorebase.schemas import search as values
from lorebase.schemas.workspaces import ApiScope

KNOWLEDGE_BASES_MAXIMUM = 20
_NOT_THE_SEARCH = {"limit", "offset", "expansion"}
After = Annotated[str | None, strawberry.argument(description="Return hits after this cursor.")]
First = Annotated[int, strawberry.argument(description="Number of hits, at most 100.")]


@strawberry.type(description="A range of text in Unicode code points.")
class TextRange:
    """From here to there."""

    end: int = strawberry.field(description="End, exclusive.")
    start: int = strawberry.field(description="Start.")

    @classmethod
    def from_value(cls, value: values.TextRange) -> Self:
        """Shows a range."""
        return cls(start=value.start, end=value.end)


@strawberry.type(description="A text that was searched for.")
class SearchedQuery:
    """One query of a search."""

    kind: QueryKind = strawberry.field(description="Where it came from.")
    text: str = strawberry.field(description="The text.")

    @classmethod
    def from_value(cls, value: values.SearchedQuery) -> Self:
        """Shows a query."""
        return cls(kind=value.kind, text=value.text)


@strawberry.type(
    description="Ranks of a hit by step, from 1; null where the step did not find or rank it. Then how the "
    "search was done."
)
class SearchExplanation:
    """How a hit got its place."""

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


@strawberry.type(description="One search hit.")
class SearchHit:
    """A passage that was found."""

    chunk: Chunk = strawberry.field(description="The passage.")
    copies: int = strawberry.field(
        description="Passages with the same headings and words that were met and left out for this one."
    )
    explanation: SearchExplanation = strawberry.field(description="How the hit got its place.")
    highlights: list[TextRange] = strawberry.field(
        description="Matched words of the passage, as offsets into its text."
    )
    score: float = strawberry.field(
        description="Fused score, higher is better; comparable only within one result."
    )
    scores: SearchScores = strawberry.field(description="Scores by component, for debugging relevance.")

    @classmethod
    def from_value(cls, value: values.SearchHit, chunk: Chunk) -> Self:
        """Shows a hit."""
        return cls(
            chunk=chunk,
            copies=value.copies,
            explanation=SearchExplanation.from_value(value.explanation),
            highlights=[TextRange.from_value(place) for place in value.highlights],
            score=value.score,
            scores=SearchScores.from_value(value.scores),
        )


async def show_hits(context: Context, hits: Sequence[values.SearchHit]) -> list[tuple[int, SearchHit]]:
    """Hits with their passages, each with its place; one whose document was deleted since is left out.

    All that a hit leads to is read at once: a deletion between two readings would fail the whole page.
    """
    loaders = context.loaders
    chunks, versions, documents = await asyncio.gather(
        loaders.chunks.load_many([hit.chunk_id for hit in hits]),
        loaders.versions.load_many([hit.version_id for hit in hits]),
        loaders.documents.load_many([hit.document_id for hit in hits]),
    )
    found = zip(hits, chunks, versions, documents, strict=True)
    return [
        (place, SearchHit.from_value(hit, Chunk.from_value(chunk)))
        for place, (hit, chunk, version, document) in enumerate(found)
        if chunk and version and document
    ]


@strawberry.type(description="A hit and its position.")
class SearchHitEdge:
    """A hit with its cursor."""

    cursor: str = strawberry.field(description="Opaque position; pins the result order of the first page.")
    node: SearchHit = strawberry.field(description="The hit.")


@strawberry.type(description="A page of search hits.")
class SearchHitConnection:
    """What a search found."""

    degraded: list[SearchPart] = strawberry.field(
        description="Parts of the search that failed or ran out of time and were left out, as a rule none."
    )
    edges: list[SearchHitEdge] = strawberry.field(description="The page, with cursors.")
    nodes: list[SearchHit] = strawberry.field(description="The page, without cursors.")
    page_info: PageInfo = strawberry.field(description="Position of the page in the list.")
    profile: str = strawberry.field(description="Retrieval profile and version, such as `default@1`.")
    queries: list[SearchedQuery] = strawberry.field(
        description="What was searched for, the query asked first; at most 6."
    )
    took_ms: int = strawberry.field(description="Milliseconds spent in retrieval.")
    result: strawberry.Private[values.SearchResult]

    @computed("The indexes that answered, one a knowledge base.")
    async def indexes(self, info: Info) -> list[EmbeddingIndex]:
        """The indexes that were searched."""
        found = await info.context.loaders.indexes.load_many(self.result.index_ids)
        return [EmbeddingIndex.from_value(index) for index in found if index]


@strawberry.input(description="How to retrieve.")
class SearchInput:
    """What to find and how."""

    collapse_copies: bool = strawberry.field(
        description="Whether passages with the same headings and words are shown once, as answers always do.",
        default=False,
    )
    filter: SearchFilter | None = strawberry.field(
        description="Conditions on what may be found.", default=UNSET
    )
    knowledge_base_ids: list[strawberry.ID] = strawberry.field(
        description="Knowledge bases to search, 1 to 20 of one workspace."
    )
    min_score: float | None = strawberry.field(
        description="Drop hits whose cosine similarity is below this.", default=None
    )
    mmr_lambda: float | None = strawberry.field(
        description="Spreads the first 50 hits by maximal marginal relevance: 1 keeps them in order, 0 wants"
        " nothing but difference; no spreading when absent.",
        default=None,
    )
    mode: SearchMode = strawberry.field(description="How candidates are found.", default=SearchMode.HYBRID)
    profile: str | None = strawberry.field(
        description="Retrieval profile: `name@version`, or a name for its newest version; `default@1` when "
        "absent. It decides `mode`, `rerank`, `collapseCopies` and `mmrLambda` where they are left at their "
        "defaults.",
        default=None,
    )
    query: str = strawberry.field(description="The question or words, at most 2000 characters.")
    rerank: bool | None = strawberry.field(
        description="Whether to rerank candidates; by default when a reranker is configured.", default=None
    )

    def request(self, context: Context, path: tuple[str, ...] = ("input",)) -> values.SearchRequest:
        """What is asked of the service. BadInput and NotFound as everywhere."""
        if not 1 <= len(self.knowledge_base_ids) <= KNOWLEDGE_BASES_MAXIMUM:
            message = f"Name 1 to {KNOWLEDGE_BASES_MAXIMUM} knowledge bases."
            raise BadInput(message, field=[*path, "knowledgeBaseIds"])
        targets = [read_id(context.principal, each, "KnowledgeBase") for each in self.knowledge_base_ids]
        chosen: dict[str, str] = {}
        if self.profile is not None:
            chosen["profile"] = context.services.profiles.get(self.profile, (*path, "profile")).key
        return values.SearchRequest(
            **chosen,
            knowledge_base_ids=tuple(targets),
            query=self.query,
            mode=self.mode,
            filter=read_filter(context, self.filter, filters.SearchFilter, (*path, "filter")),
            min_score=self.min_score,
            rerank=self.rerank,
            collapse_copies=self.collapse_copies,
            mmr_lambda=self.mmr_lambda,
        )


def asks_for(name: str, selections: Iterable[Selection]) -> bool:
    """Whether a field of that name is selected anywhere below, fragments included."""
    return any(
        (isinstance(each, SelectedField) and each.name == name) or asks_for(name, each.selections)
        for each in selections
    )


Wanted = Annotated[SearchInput, strawberry.argument(name="input", description="What to find and how.")]


def search_cursors(context: Context, request: values.SearchRequest) -> OffsetCursors:
    """Cursors that are of use for this very search only."""
    text = request.model_dump_json(exclude=_NOT_THE_SEARCH | ({"profile"} if not request.profile else set()))
    if request.profile:
        # An operator may have changed it without a new version: then pages would have another order.
        text += context.services.profiles.get(request.profile).model_dump_json()
    fingerprint = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return OffsetCursors(context.services.signer, context.principal.workspace_id, fingerprint)


async def show_result(
    context: Context, result: values.SearchResult, offset: int, cursors: OffsetCursors
) -> SearchHitConnection:
    """A page of hits as clients see it."""
    hits = await show_hits(context, result.hits)
    edges = [
        SearchHitEdge(cursor=cursors.write(offset + place + 1, result.expansion), node=hit)
        for place, hit in hits
    ]
    page_info = PageInfo(
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
        has_next_page=result.has_next,
        has_previous_page=offset > 0,
    )
    return SearchHitConnection(
        degraded=list(result.degraded),
        edges=edges,
        nodes=[hit for _, hit in hits],
        page_info=page_info,
        profile=result.profile,
        queries=[SearchedQuery.from_value(query) for query in result.queries],
        took_ms=result.took_ms,
        result=result,
    )


@strawberry.type
class SearchQueries:
    """Retrieval."""

    @computed("Finds passages.", cost=Cost(weight=10, multipliers=["first"]), scopes=[ApiScope.READ])
    async def search(
        self, info: Info, wanted: Wanted, after: After = UNSET, first: First = 10
    ) -> SearchHitConnection:
        """A page of hits in a fixed order."""
        context = info.context
        check_size(context, first, "first")
        request = wanted.request(context)
        cursors = search_cursors(context, request)
        offset, expansion = cursors.read(after) if after else (0, None)
        page = request.model_copy(update={"limit": first, "offset": offset, "expansion": expansion})
        highlighted = asks_for("highlights", info.selected_fields)
        result = await context.services.search.search(context.principal, page, highlighted=highlighted)
        return await show_result(context, result, offset, cursors)
