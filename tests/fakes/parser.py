"""A parser of plain text that fails when told to."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.schemas.parsing import HeadingSpan, ParsedDocument

_PREFIX = "# "


class FakeParser:
    """Reads UTF-8. Lines that begin with `# ` are headings, the first one the title.

    `failures` are raised by the next calls, one each; `calls` counts.
    """

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.calls = 0
        self.closed = False

    async def parse(self, path: Path, media_type: str, file_name: str | None) -> ParsedDocument:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        text = await asyncio.to_thread(path.read_text)
        if not text.strip():
            raise DocumentRefused("The document is empty.", code=ErrorCode.EMPTY_DOCUMENT)
        headings = tuple(_headings(text))
        title = headings[0].title if headings else None
        return ParsedDocument(text=text, media_type=media_type, title=title, headings=headings)

    async def close(self) -> None:
        self.closed = True


def _headings(text: str) -> list[HeadingSpan]:
    found: list[HeadingSpan] = []
    start = 0
    for line in text.splitlines(keepends=True):
        if line.startswith(_PREFIX):
            title = line.removeprefix(_PREFIX).strip()
            found.append(HeadingSpan(start=start, end=start + len(line.rstrip()), level=1, title=title))
        start += len(line)
    return found
