"""Makes sample files for tests: ordinary ones by the usual libraries, hostile ones by hand."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from docx import Document
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MACRO_TYPE = "application/vnd.ms-word.document.macroEnabled.main+xml"


@dataclass
class PdfPage:
    """A page of lines, each `(text, size)`; `header` stands at its top."""

    lines: Sequence[tuple[str, float]]
    header: str | None = None


def pdf(
    pages: Sequence[PdfPage],
    *,
    title: str | None = None,
    password: str | None = None,
    outline: Sequence[tuple[str, int, int]] = (),
) -> bytes:
    """A PDF; `outline` holds bookmarks as (title, page from 0, level from 0)."""
    buffer = io.BytesIO()
    encrypt = StandardEncryption(password, canPrint=1) if password else None
    canvas = Canvas(buffer, pagesize=A4, encrypt=encrypt, invariant=1)
    if title:
        canvas.setTitle(title)
    for number, page in enumerate(pages):
        for words, on_page, level in outline:
            if on_page == number:
                canvas.bookmarkPage(words)
                canvas.addOutlineEntry(words, words, level=level)
        _draw(canvas, page)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def _draw(canvas: Canvas, page: PdfPage) -> None:
    height = 780.0
    if page.header:
        canvas.setFont("Helvetica", 9)
        canvas.drawString(72, 815, page.header)
    for words, size in page.lines:
        if not words:
            height -= 14
            continue
        canvas.setFont("Helvetica", size)
        canvas.drawString(72, height, words)
        height -= size * 1.2


def simple_pdf(*texts: str) -> bytes:
    """A PDF with one line of text a page."""
    return pdf([PdfPage([(text, 11)]) for text in texts])


def raw_pdf(objects: Mapping[int, bytes]) -> bytes:
    """A PDF of objects as given, with 1 as the catalogue."""
    body = b"%PDF-1.4\n"
    offsets = {}
    for number, content in sorted(objects.items()):
        offsets[number] = len(body)
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(
        b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 65535 f \n"
        for number in range(1, max(objects) + 1)
    )
    size = max(objects) + 1
    start = len(body)
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, start)
    )


def stream(content: bytes, extra: bytes = b"") -> bytes:
    """A PDF stream object, compressed."""
    packed = zlib.compress(content, 9)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n%s\nendstream" % (len(packed), extra, packed)


def pdf_with_content(content: bytes, extra_catalogue: bytes = b"", pages: int = 1) -> bytes:
    """A PDF whose only page draws `content`; `pages` is what it claims to have."""
    return raw_pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R %s >>" % extra_catalogue,
            2: b"<< /Type /Pages /Kids [3 0 R] /Count %d >>" % pages,
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>",
            4: stream(content),
            5: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        }
    )


def pdf_with_page_loop() -> bytes:
    """A PDF whose tree of pages leads back to itself."""
    return raw_pdf(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            3: b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
        }
    )


def docx(
    paragraphs: Sequence[tuple[str, str]],
    *,
    title: str | None = None,
    table: Sequence[Sequence[str]] = (),
) -> bytes:
    """A Word file of paragraphs `(style, text)` and a table at its end."""
    document = Document()
    if title:
        document.core_properties.title = title
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    if table:
        grid = document.add_table(rows=0, cols=len(table[0]))
        for row in table:
            for cell, text in zip(grid.add_row().cells, row, strict=True):
                cell.text = text
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


@dataclass
class RawDocx:
    """A Word file of parts as given, for what no library would write."""

    body: str = "<w:p><w:r><w:t>Hello</w:t></w:r></w:p>"
    before: str = ""
    content_type: str = WORD_TYPE
    extra: dict[str, bytes] = field(default_factory=dict)

    def build(self) -> bytes:
        """The bytes of the archive."""
        return archive({**self.parts(), **self.extra})

    def parts(self) -> dict[str, bytes]:
        """The parts that make it a Word file."""
        types = (
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            f'<Override PartName="/word/document.xml" ContentType="{self.content_type}"/></Types>'
        )
        document = f'{self.before}<w:document xmlns:w="{WORD}"><w:body>{self.body}</w:body></w:document>'
        return {"[Content_Types].xml": types.encode(), "word/document.xml": document.encode()}


def archive(entries: Mapping[str, bytes]) -> bytes:
    """A compressed zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def archive_with_twins(entries: Mapping[str, bytes], twin: str) -> bytes:
    """An archive that holds the entry `twin` twice."""
    placeholder = "\x01" * len(twin)
    content = archive({**entries, placeholder: entries[twin]})
    return content.replace(placeholder.encode(), twin.encode())


def archive_with_overlap(entries: Mapping[str, bytes]) -> bytes:
    """An archive whose last entry in the directory claims the bytes of the first."""
    content = bytearray(archive(entries))
    last = content.rfind(b"PK\x01\x02")
    content[last + 42 : last + 46] = b"\0\0\0\0"
    return bytes(content)


EXECUTABLE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00" + bytes(range(256)) * 4
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64)
