"""What a parser makes of a file, and the passages cut from it."""

from __future__ import annotations

from lorebase.schemas.base import Value


class PageSpan(Value):
    """Where a page begins in the extracted text; it ends where the next begins. `number` is from 1."""

    start: int
    number: int


class HeadingSpan(Value):
    """A heading: its offsets in the extracted text, its level (1 is the topmost) and its words."""

    start: int
    end: int
    level: int
    title: str


class ParsedDocument(Value):
    """The text of a file in Unicode code points, with the structure that offsets refer to."""

    text: str
    media_type: str
    title: str | None = None
    language: str | None = None
    pages: tuple[PageSpan, ...] = ()
    headings: tuple[HeadingSpan, ...] = ()
    warnings: tuple[str, ...] = ()


class ChunkDraft(Value):
    """A passage: `text[start_offset:end_offset]` of the extracted text, exactly."""

    ordinal: int
    start_offset: int
    end_offset: int
    text: str
    token_count: int
    page: int | None
    section: tuple[str, ...]


class ChunkingRules(Value):
    """How text is split: the largest chunk and what neighbours share, in tokens."""

    max_tokens: int = 256
    overlap_tokens: int = 32
