"""What of a passage is embedded, in one place for ingestion, repairs and experiments."""

from __future__ import annotations

from collections.abc import Sequence

HEADING_SEPARATOR = " > "


def heading_path(section: Sequence[str]) -> str:
    """The heading path as one text, as filters and vectors carry it."""
    return HEADING_SEPARATOR.join(section)


def embedding_text(title: str, section: Sequence[str], text: str) -> str:
    """Title and heading path, then the passage: it is found by what it belongs to as well as by its words."""
    header = HEADING_SEPARATOR.join(part for part in (title, *section) if part.strip())
    return f"{header}\n{text}" if header else text
