"""What of a passage is embedded, in one place for ingestion, repairs and experiments."""

from __future__ import annotations

from collections.abc import Sequence

HEADING_SEPARATOR = " > "
# Left free for the header in the longest input of a model: a title and three headings, as a rule.
HEADER_TOKENS = 40


def heading_path(section: Sequence[str]) -> str:
    """The heading path as one text, as filters and vectors carry it."""
    return HEADING_SEPARATOR.join(section)


def embedding_text(title: str, section: Sequence[str], text: str) -> str:
    """Title and heading path as a sentence, then the passage, so that it is found by what it belongs to.

    Measured on Cranfield and XQuAD in English, German and Chinese: the title gains .02 on Cranfield and
    nothing elsewhere; a sentence, a line of its own and a labelled field are within .003 of each other.
    """
    header = HEADING_SEPARATOR.join(part for part in (title, *section) if part.strip())
    return f"{header}. {text}" if header else text
