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
from lorebase.api.graphql.enums import SearchPart
from lorebase.api.graphql.fields import computed
from lorebase.api.graphql.pagination import PageInfo, check_size
from lorebase.api.graphql.search_explanations import SearchedQuery, SearchExplanation, SearchScores
from lorebase.api.graphql.search_inputs import SearchInput
from lorebase.schemas import search as values
from lorebase.schemas.workspaces import ApiScope

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


@strawberry.type(description="One search hit.")
class SearchHit:
    """A passage that was found."""

    chunk: Chunk = strawberry.field(description="The passage.")
    copies: int = strawberry.field(
        description="Passages that say the same as this one, or nearly, and were met and left out for it; "
        "see `explanation.collapsed`."
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


def asks_for(name: str, selections: Iterable[Selection]) -> bool:
    """Whether a field of that name is selected anywhere below, fragments included."""
    return any(
        (isinstance(each, SelectedField) and each.name == name) or asks_for(name, each.selections)
        for each in selections
    )


_COST = Cost(weight=10, multipliers=["first"], profile="input.profile")
Wanted = Annotated[SearchInput, strawberry.argument(name="input", description="What to find and how.")]


def search_cursors(context: Context, request: values.SearchRequest) -> OffsetCursors:
    """Cursors that are of use for this very search only."""
    profile, settled = context.services.profiles.applied(request)
    text = settled.model_dump_json(exclude=_NOT_THE_SEARCH | ({"profile"} if not request.profile else set()))
    if request.profile:
        # An operator may have changed it without a new version: then pages would have another order.
        text += profile.model_dump_json()
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

    @computed("Finds passages.", cost=_COST, scopes=[ApiScope.READ])
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
