"""Turning files into text."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from lorebase.schemas.parsing import ParsedDocument


class Parser(Protocol):
    """Extracts text from files, whatever they contain."""

    async def parse(self, path: Path, media_type: str, file_name: str | None) -> ParsedDocument:
        """The text and structure of the file at `path`.

        Raises DocumentRefused with the code that says why (EMPTY_DOCUMENT, ENCRYPTED, CORRUPT, NO_TEXT,
        PARSE_TIMEOUT, PARSE_CRASHED, PAGE_LIMIT, DECOMPRESSION_LIMIT, TOO_LARGE, UNSUPPORTED_TYPE).
        A file that crashes or hangs its parser harms no other: each runs within limits of its own.
        """
        ...

    async def close(self) -> None:
        """Ends the parser's processes."""
        ...
