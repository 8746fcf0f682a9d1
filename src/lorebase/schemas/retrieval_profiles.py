"""Retrieval profiles: named, versioned sets of retrieval settings, and what a chat model adds to a query."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from lorebase.schemas.base import Value
from lorebase.schemas.search import SearchMode

VARIANTS_MAXIMUM = 5


class ExpansionMethod(StrEnum):
    """What a chat model makes of a query before it is searched."""

    NONE = "NONE"
    REWRITE = "REWRITE"
    MULTI_QUERY = "MULTI_QUERY"
    HYDE = "HYDE"


class RetrievalProfile(Value):
    """A version of it never changes: other settings are another version.

    `vector_weight` is that of the vector leg in hybrid searches, by the language of the query when None.
    `variants` counts the queries that MULTI_QUERY adds. What is None is as without a profile.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    version: Annotated[int, Field(ge=1, le=9999)]
    description: Annotated[str, Field(min_length=1, max_length=500)]
    mode: SearchMode = SearchMode.HYBRID
    vector_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    expansion: ExpansionMethod = ExpansionMethod.NONE
    variants: Annotated[int, Field(ge=1, le=VARIANTS_MAXIMUM)] = 3
    rerank: bool | None = None
    collapse_copies: bool = False
    mmr_lambda: Annotated[float, Field(ge=0, le=1)] | None = None

    @property
    def key(self) -> str:
        """Name and version, such as `hyde@1`."""
        return f"{self.name}@{self.version}"

    @model_validator(mode="after")
    def _hyde_needs_vectors(self) -> Self:
        if self.expansion is ExpansionMethod.HYDE and self.mode is SearchMode.KEYWORD:
            raise ValueError("hyde works on vectors: the mode is hybrid or vector")
        return self

    @model_validator(mode="after")
    def _weights_are_for_two_legs(self) -> Self:
        if self.vector_weight is not None and self.mode is not SearchMode.HYBRID:
            raise ValueError("vector_weight is for the mode hybrid")
        return self


class ListedProfile(Value):
    """A profile, and why it cannot be used here; None when it can."""

    profile: RetrievalProfile
    lacking: str | None


class RewrittenQuery(Value):
    """Structured output of the model that rewrites a query."""

    query: str


class QueryVariants(Value):
    """Structured output of the model that asks in other words."""

    queries: list[str]


class HypotheticalPassage(Value):
    """Structured output of the model that writes a passage as the one looked for might be."""

    passage: str
