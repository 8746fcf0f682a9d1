"""PDF: the text of each page as paragraphs, with page numbers and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium_c

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.cleaning import clean, one_line
from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.pdf_headings import OutlineEntry, body_height_of, heading_lines
from lorebase.clients.parsing.pdf_lines import Line, lines_of, without_running_lines
from lorebase.clients.parsing.pdf_paragraphs import ParagraphWriter
from lorebase.core.errors import DocumentRefused, ErrorCode

PAGES_UNREADABLE = "PAGES_UNREADABLE"
_OUTLINE_LIMIT = 20_000
_NO_TITLE = re.compile(
    r"\s*(?:untitled.*|(?:microsoft )?(?:word|powerpoint) (?:- .*|presentation)|.*\.[a-z]{3,4})?\s*",
    re.IGNORECASE,
)


def parse_pdf(content: bytes, limits: Limits) -> Extraction:
    """The text in the order of the pages' content, without running headers; a page that cannot be read is
    left out with a warning. Scripts, forms and attached files are ignored."""
    document = _open(content)
    try:
        count = len(document)
        _check_pages(count, limits.max_pages)
        pages, unreadable = _read(document, count, limits)
        outline = list(_outline(document))
        title = _named_title(document)
    finally:
        document.close()
    return _compose(pages, outline, title, unreadable, limits)


def _open(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
            raise DocumentRefused("The PDF is protected by a password.", code=ErrorCode.ENCRYPTED) from error
        raise _corrupt() from error


def _corrupt() -> DocumentRefused:
    return DocumentRefused("The PDF is damaged and cannot be read.", code=ErrorCode.CORRUPT)


def _check_pages(count: int, limit: int) -> None:
    if count == 0:
        raise _corrupt()
    if count > limit:
        raise DocumentRefused(
            f"The PDF has more than {limit:,} pages.", code=ErrorCode.PAGE_LIMIT, details={"limit": limit}
        )


def _read(document: pypdfium2.PdfDocument, count: int, limits: Limits) -> tuple[list[list[Line]], int]:
    pages: list[list[Line]] = []
    unreadable = 0
    budget = limits.max_characters
    for index in range(count):
        try:
            page = document[index]
            lines = lines_of(page)
            page.close()
        except pypdfium2.PdfiumError:
            lines, unreadable = [], unreadable + 1
        budget -= sum(len(line.text) for line in lines)
        pages.append(lines)
        if budget < 0:
            break
    if unreadable == count:
        raise _corrupt()
    return pages, unreadable


def _outline(document: pypdfium2.PdfDocument) -> Iterator[OutlineEntry]:
    try:
        for place, bookmark in enumerate(document.get_toc(max_depth=6)):
            destination = bookmark.get_dest()
            index = destination.get_index() if destination else None
            if index is not None:
                yield OutlineEntry(
                    bookmark.level + 1, clean(bookmark.get_title()), index, _top_of(destination)
                )
            if place >= _OUTLINE_LIMIT:
                return
    except pypdfium2.PdfiumError:
        return


def _top_of(destination: pypdfium2.PdfDest) -> float | None:
    mode, place = destination.get_view()
    return place[1] if mode == pdfium_c.PDFDEST_VIEW_XYZ and len(place) > 1 and place[1] else None


def _named_title(document: pypdfium2.PdfDocument) -> str | None:
    title = one_line(clean(document.get_metadata_value("Title")))
    return None if _NO_TITLE.fullmatch(title) else title


def _compose(
    pages: list[list[Line]], outline: list[OutlineEntry], title: str | None, unreadable: int, limits: Limits
) -> Extraction:
    body_height = body_height_of(pages)
    pages = without_running_lines(pages)
    headings = heading_lines(pages, outline, body_height)
    writer = BlockWriter(limits.max_characters)
    paragraphs = ParagraphWriter(writer, headings, pages)
    for number, page in enumerate(pages, start=1):
        writer.open_page(number)
        paragraphs.page(page)
    paragraphs.finish()
    extraction = writer.finish()
    extraction.title = title or _largest_words(pages, body_height)
    if unreadable:
        extraction.warnings.append(PAGES_UNREADABLE)
    return extraction


def _largest_words(pages: list[list[Line]], body_height: float) -> str | None:
    first = next((page for page in pages if page), [])
    largest = max((line.height for line in first), default=0.0)
    if not body_height or largest < body_height * 1.3:
        return None
    large = [line.text for line in first if line.height > largest * 0.95]
    words = one_line(" ".join(large))
    return words if len(large) <= 3 and 3 <= len(words) <= 200 else None
