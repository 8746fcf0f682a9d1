"""What may be asked of a search."""

from __future__ import annotations

import strawberry
from strawberry import UNSET

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.enums import SearchMode
from lorebase.api.graphql.filters import SearchFilter, read_filter
from lorebase.api.graphql.nodes import read_id
from lorebase.core.errors import BadInput
from lorebase.schemas import filters
from lorebase.schemas import search as values

KNOWLEDGE_BASES_MAXIMUM = 20


@strawberry.input(description="How to retrieve.")
class SearchInput:
    """What to find and how."""

    collapse_copies: bool | None = strawberry.field(
        description="Whether passages that say the same, or nearly, are shown once, as answers always do; "
        "`explanation.collapsed` of a hit lists its copies. No when neither this nor the profile says so.",
        default=None,
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
        " nothing but difference; no spreading when neither this nor the profile says how much.",
        default=None,
    )
    mode: SearchMode | None = strawberry.field(
        description="How candidates are found; `HYBRID` when neither this nor the profile says how.",
        default=None,
    )
    profile: str | None = strawberry.field(
        description="Retrieval profile: `name@version`, or a name for its newest version; `default@1` when "
        "absent. It decides `mode`, `rerank`, `collapseCopies` and `mmrLambda` where they are absent or "
        "null.",
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
