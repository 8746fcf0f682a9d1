"""One file into text, in the process that calls it: picks the parser and checks what it made."""

from __future__ import annotations

from collections.abc import Callable

from lorebase.clients.parsing.cleaning import check_length, has_visible_text, one_line
from lorebase.clients.parsing.csv_file import parse_csv
from lorebase.clients.parsing.docx_file import parse_docx
from lorebase.clients.parsing.extraction import Extraction, Limits
from lorebase.clients.parsing.html_file import parse_html
from lorebase.clients.parsing.json_file import parse_json
from lorebase.clients.parsing.language import language_of
from lorebase.clients.parsing.markdown_file import parse_markdown
from lorebase.clients.parsing.pdf_file import parse_pdf
from lorebase.clients.parsing.text_file import parse_text
from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.core.media_types import MediaType

_PARSERS: dict[str, Callable[[bytes, Limits], Extraction]] = {
    MediaType.TEXT: parse_text,
    MediaType.MARKDOWN: parse_markdown,
    MediaType.HTML: parse_html,
    MediaType.CSV: parse_csv,
    MediaType.JSON: parse_json,
    MediaType.PDF: parse_pdf,
    MediaType.DOCX: parse_docx,
}
_TITLE_LIMIT = 500


def extract(path: str, media_type: str, limits: Limits) -> Extraction:
    """The text of the file at `path`. Raises DocumentRefused with the code that says why there is none."""
    parse = _PARSERS.get(media_type)
    if parse is None:
        raise DocumentRefused("Files of this type are not supported.", code=ErrorCode.UNSUPPORTED_TYPE)
    with open(path, "rb") as file:
        content = file.read()
    if not content:
        raise DocumentRefused("The file is empty.", code=ErrorCode.EMPTY_DOCUMENT)
    extraction = parse(content, limits)
    check_length(len(extraction.text), limits.max_characters)
    _check_visible(extraction, media_type)
    extraction.title = one_line(extraction.title or "", _TITLE_LIMIT) or None
    extraction.language = extraction.language or language_of(extraction.text)
    return extraction


def _check_visible(extraction: Extraction, media_type: str) -> None:
    if has_visible_text(extraction.text):
        return
    if media_type == MediaType.PDF:
        raise DocumentRefused("The PDF holds pictures of text only.", code=ErrorCode.NO_TEXT)
    raise DocumentRefused("The document has no text.", code=ErrorCode.EMPTY_DOCUMENT)
