"""What a parser hands back, in plain values that the child process can send as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may cost: seconds, bytes of memory, characters of text, pages."""

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int
    max_characters: int
    max_pages: int


@dataclass(frozen=True, slots=True)
class Heading:
    """Offsets of a heading in the text, its level from 1, and its words."""

    start: int
    end: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Page:
    """Where page `number` begins in the text."""

    start: int
    number: int


@dataclass(slots=True)
class Extraction:
    """Text without NUL, surrogates or control characters, lines ended by a line feed, and its structure."""

    text: str
    title: str | None = None
    language: str | None = None
    pages: list[Page] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
