"""What an answer is made of: sentences, citations, timings, usage, and why it failed."""

from __future__ import annotations

from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.chunks import Chunk
from lorebase.api.graphql.context import Info
from lorebase.api.graphql.document_versions import DocumentVersion
from lorebase.api.graphql.fields import computed
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.search import TextRange
from lorebase.schemas import answers as values


@strawberry.type(description="Failure of an answer.")
class AnswerError:
    """Why an answer failed."""

    code: str = strawberry.field(description="Stable machine-readable code, upper snake case.")
    message: str = strawberry.field(description="Explanation fit for end users.")
    retryable: bool = strawberry.field(description="Whether asking again may succeed.")

    @classmethod
    def from_value(cls, value: values.AnswerError) -> Self:
        """Shows the error."""
        return cls(code=str(value.code), message=value.message, retryable=value.retryable)


@strawberry.type(description="A sentence of an answer and what bears it out.")
class AnswerSentence:
    """A sentence with its evidence."""

    citation_indexes: list[int] = strawberry.field(description="Citations in the sentence, by index.")
    range: TextRange = strawberry.field(description="Where the sentence stands in the answer text.")
    support: float = strawberry.field(description="0 (not borne out by any passage) to 1.")

    @classmethod
    def from_value(cls, value: values.AnswerSentence) -> Self:
        """Shows a sentence."""
        return cls(
            citation_indexes=list(value.citation_indexes),
            range=TextRange.from_value(value.range),
            support=value.support,
        )


@strawberry.type(description="Milliseconds by step.")
class AnswerTimings:
    """Where the time went."""

    first_token_ms: int = strawberry.field(description="From the question to the first token.")
    retrieval_ms: int = strawberry.field(description="Search, fusion and reranking.")
    total_ms: int = strawberry.field(description="From the question to the terminal event.")

    @classmethod
    def from_value(cls, value: values.AnswerTimings) -> Self:
        """Shows the timings."""
        return cls(
            first_token_ms=value.first_token_ms, retrieval_ms=value.retrieval_ms, total_ms=value.total_ms
        )


@strawberry.type(description="Tokens used by an answer.")
class TokenUsage:
    """What an answer cost."""

    completion_tokens: int = strawberry.field(description="Tokens generated.")
    prompt_tokens: int = strawberry.field(description="Tokens given.")

    @classmethod
    def from_value(cls, value: values.TokenUsage) -> Self:
        """Shows the usage."""
        return cls(completion_tokens=value.completion_tokens, prompt_tokens=value.prompt_tokens)


@strawberry.type(description="A claim's evidence.")
class Citation:
    """A quote and where it stands."""

    document_range: TextRange = strawberry.field(
        description=(
            "Where the quote stands in the extracted text of the document version; "
            "stays resolvable while the version is kept."
        )
    )
    index: int = strawberry.field(description="Number shown in the text, from 1.")
    quote: str = strawberry.field(description="The words of the passage that support the claim.")
    range: TextRange = strawberry.field(description="Where the claim stands in the answer text.")
    chunk_id: strawberry.Private[UUID]
    version_id: strawberry.Private[UUID]

    @classmethod
    def from_value(cls, value: values.Citation) -> Self:
        """Shows a citation."""
        return cls(
            chunk_id=value.chunk_id,
            document_range=TextRange.from_value(value.document_range),
            index=value.index,
            quote=value.quote,
            range=TextRange.from_value(value.range),
            version_id=value.version_id,
        )

    @computed("The passage; null when it was deleted since.")
    async def chunk(self, info: Info) -> Chunk | None:
        """The passage quoted."""
        chunk = await Chunk.find(info.context.loaders, self.chunk_id)
        return chunk if chunk and await self._whole_version(info.context.loaders) else None

    @computed("The version cited, also after newer ones.")
    async def document_version(self, info: Info) -> DocumentVersion | None:
        """The version quoted."""
        return await self._whole_version(info.context.loaders)

    async def _whole_version(self, loaders: Loaders) -> DocumentVersion | None:
        """The version, unless its document is gone.

        Both are read before either is shown: a deletion between two readings would fail the whole answer.
        """
        version = await DocumentVersion.find(loaders, self.version_id)
        document = await loaders.documents.load(version.value.document_id) if version else None
        return version if document else None
