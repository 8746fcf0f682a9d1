"""The media types that Lorebase reads."""

from __future__ import annotations

from enum import StrEnum


class MediaType(StrEnum):
    """What a document can be; source code, logs and reStructuredText are TEXT."""

    TEXT = "text/plain"
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    CSV = "text/csv"
    JSON = "application/json"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
