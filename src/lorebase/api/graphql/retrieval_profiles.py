"""Retrieval profiles: which there are, and which can be used here."""

from __future__ import annotations

from typing import Self

import strawberry

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.enums import ExpansionMethod, SearchMode
from lorebase.api.graphql.fields import computed
from lorebase.schemas import retrieval_profiles as values
from lorebase.schemas.workspaces import ApiScope


@strawberry.type(description="A named, versioned set of retrieval settings. A version never changes.")
class RetrievalProfile:
    """A profile as clients see it."""

    collapse_copies: bool = strawberry.field(description="Whether copies are shown once.")
    description: str = strawberry.field(description="What it does.")
    expansion: ExpansionMethod = strawberry.field(description="What a chat model adds to the query.")
    is_available: bool = strawberry.field(description="Whether it can be used here.")
    key: str = strawberry.field(description="Name and version for `SearchInput.profile`, such as `hyde@1`.")
    mmr_lambda: float | None = strawberry.field(description="Spreads the first hits; null for not at all.")
    mode: SearchMode = strawberry.field(description="How candidates are found.")
    name: str = strawberry.field(description="Name.")
    rerank: bool | None = strawberry.field(
        description="Whether hits are reranked; null for whenever a reranker is configured."
    )
    unavailable_reason: str | None = strawberry.field(
        description="What it lacks here and who mends it; null when it is available."
    )
    variants: int | None = strawberry.field(
        description="Number of queries that the chat model adds; null unless it adds several."
    )
    vector_weight: float | None = strawberry.field(
        description="Weight of the vector leg in hybrid searches; null for by the language of the query."
    )
    version: int = strawberry.field(description="Version, from 1.")

    @classmethod
    def from_value(cls, value: values.ListedProfile) -> Self:
        """Shows a profile."""
        profile = value.profile
        several = profile.expansion is ExpansionMethod.MULTI_QUERY
        return cls(
            **profile.model_dump(exclude={"variants"}),
            is_available=value.lacking is None,
            key=profile.key,
            unavailable_reason=value.lacking,
            variants=profile.variants if several else None,
        )


@strawberry.type
class RetrievalProfileQueries:
    """Reads of profiles."""

    @computed(
        "Retrieval profiles of this installation, by name, the newest version first; at most 100.",
        scopes=[ApiScope.READ, ApiScope.ASK],
    )
    async def retrieval_profiles(self, info: Info) -> list[RetrievalProfile]:
        """Those built in and those of the operator."""
        return [RetrievalProfile.from_value(each) for each in info.context.services.profiles.listed()]
