"""Word documents: paragraphs, headings by style, lists, tables and notes."""

from __future__ import annotations

from lxml import etree

from lorebase.clients.parsing.block_writer import BlockWriter
from lorebase.clients.parsing.cleaning import clean, one_line
from lorebase.clients.parsing.docx_archive import DocxArchive, corrupt
from lorebase.clients.parsing.docx_styles import WORD, Styles
from lorebase.clients.parsing.extraction import Extraction, Limits

_WITHOUT_TEXT = frozenset(
    WORD + name
    for name in ("del", "moveFrom", "instrText", "delText", "pPr", "rPr", "tblPr", "trPr", "tcPr", "sectPr")
)
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_SPECIAL = {WORD + "tab": "\t", WORD + "noBreakHyphen": "-", WORD + "br": "\n", WORD + "cr": "\n"}
_P, _TBL, _TR, _TC, _T = (WORD + name for name in ("p", "tbl", "tr", "tc", "t"))
_TEXT = frozenset((_T, "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"))
_TITLE = "{http://purl.org/dc/elements/1.1/}title"


def parse_docx(content: bytes, limits: Limits) -> Extraction:
    """The text as it reads with all changes accepted; the table of contents, which repeats the headings, is
    left out, and so is everything that points outside the file."""
    archive = DocxArchive(content)
    document = archive.xml("word/document.xml")
    body = document.find(WORD + "body") if document is not None else None
    if body is None:
        raise corrupt()
    writer = BlockWriter(limits.max_characters)
    walk = _Walk(writer, Styles(archive.xml("word/styles.xml")))
    walk.blocks(body)
    for notes in ("word/footnotes.xml", "word/endnotes.xml"):
        part = archive.xml(notes)
        if part is not None:
            walk.blocks(part)
    extraction = writer.finish()
    extraction.title = _core_title(archive) or walk.title
    return extraction


class _Walk:
    """Goes through blocks in the order of reading; tables within tables are read as part of their cell."""

    def __init__(self, writer: BlockWriter, styles: Styles) -> None:
        self._writer = writer
        self._styles = styles
        self.title: str | None = None

    def blocks(self, root: etree._Element) -> None:
        walk = etree.iterwalk(
            root, events=("start", "end"), tag=(_P, _TBL, _TR, _TC, _FALLBACK, WORD + "del")
        )
        tables = 0
        for event, element in walk:
            if event == "end":
                tables -= element.tag == _TBL
                if element.tag == _TBL and not tables:
                    self._writer.separate(2)
                continue
            if element.tag in _WITHOUT_TEXT or element.tag == _FALLBACK:
                walk.skip_subtree()
            elif element.tag == _P:
                self._paragraph(element, in_table=tables > 0)
            elif element.tag == _TBL:
                tables += 1
                self._writer.separate(2 if tables == 1 else 1)
            elif element.tag == _TR:
                self._writer.separate(1)
            else:
                self._writer.cell()

    def _paragraph(self, element: etree._Element, *, in_table: bool) -> None:
        style = self._styles.of(element)
        text = _text(element)
        if style.contents_entry or not text.strip():
            return
        if in_table:
            self._writer.words(" " + text)
            return
        self._writer.separate(1 if style.list_level is not None else 2)
        if style.title and self.title is None:
            self.title = one_line(clean(text)) or None
        if style.heading_level:
            self._writer.open_heading(style.heading_level)
            self._writer.words(text)
            self._writer.close_heading()
            self._writer.separate(2)
        else:
            if style.list_level is not None:
                self._writer.prefix("  " * min(style.list_level, 8) + "- ")
            self._writer.verbatim(text.strip())


def _text(paragraph: etree._Element) -> str:
    pieces: list[str] = []
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        # Boxes hold paragraphs of their own, which the walk over blocks reaches by itself.
        if (
            element.tag in _WITHOUT_TEXT
            or element.tag == _FALLBACK
            or (element.tag == _P and element is not paragraph)
        ):
            walk.skip_subtree()
        elif element.tag in _TEXT:
            pieces.append(element.text or "")
        elif element.tag in _SPECIAL:
            pieces.append(_SPECIAL[str(element.tag)])
    return "".join(pieces)


def _core_title(archive: DocxArchive) -> str | None:
    properties = archive.xml("docProps/core.xml")
    named = properties.find(_TITLE) if properties is not None else None
    title = one_line(clean(named.text or "")) if named is not None else ""
    return None if title.lower() in ("", "word document", "untitled") else title
