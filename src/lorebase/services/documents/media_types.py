"""What a file is: decided by its content first; its name and the sender's word only tell texts apart."""

from __future__ import annotations

import json
import re
import unicodedata

from lorebase.core.byte_order import marked_encoding, unmarked_utf_16
from lorebase.core.errors import DocumentRefused, ErrorCode
from lorebase.core.media_types import MediaType
from lorebase.services.documents.zip_members import word_document_in

HEAD_BYTES = 64 * 1024

_EXTENSIONS = {
    **dict.fromkeys(("md", "markdown", "mdown", "mkd", "mdx", "qmd"), MediaType.MARKDOWN),
    **dict.fromkeys(("html", "htm", "xhtml", "svg"), MediaType.HTML),
    **dict.fromkeys(("csv", "tsv"), MediaType.CSV),
    **dict.fromkeys(("json", "jsonl", "ndjson", "geojson", "ipynb"), MediaType.JSON),
    "pdf": MediaType.PDF,
    "docx": MediaType.DOCX,
}
_BINARY_FORMATS = (
    "doc docm dotm dotx rtf odt xls xlsx xlsm ppt pptx pptm epub zip gz bz2 xz 7z rar tar jar exe dll so "
    "png jpg jpeg gif bmp tif tiff webp ico mp3 mp4 wav ogg mov avi mkv ttf otf woff woff2 class pyc wasm "
    "sqlite db parquet"
)
_NEVER_TEXT = frozenset(_BINARY_FORMATS.split())
_WORD_FOR_DECLARED = {"application/x-ndjson": MediaType.JSON, "text/x-markdown": MediaType.MARKDOWN}
_HTML_START = re.compile(
    r"\s*+(?:<\?xml[^>]*+>\s*+)?(?><!--(?s:.*?)-->\s*+)*+<(?:!doctype\s++(?:html|svg)|html|head|body|svg)\b",
    re.I,
)
_JSON_START = re.compile(
    r'\s*+(?:\{\s*+(?:\}|"(?:[^"\\\n]|\\.)*+"\s*+:)|\[\s*+(?:[\[{\]]|"|-?\d|true|false|null))'
)
_OBJECT_START = re.compile(r'\s*+\{\s*+"(?:[^"\\\n]|\\.)*+"\s*+:')
_PDF_HEADER = re.compile(rb"(?:^|[\r\n])%PDF-\d")
_NOT_IN_TEXT = re.compile(rb"[\x01-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_NOT_AT_ENDS = " .\u200c\u200d"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_TEXTUAL_MAGIC = (rb"{\rtf", b"%!PS", b"!<arch>\n", b"-----BEGIN PGP MESSAGE")


def sniff(head: bytes, file_name: str | None, declared: str | None) -> MediaType:
    """The media type of content that begins with `head`, its first HEAD_BYTES bytes or all of it.

    `declared` is the sender's word; it and the name choose among kinds of text only.
    Raises DocumentRefused: EMPTY_DOCUMENT, UNSUPPORTED_TYPE, or ENCRYPTED for an Office file with a password.
    """
    if not head:
        raise DocumentRefused("The file is empty.", code=ErrorCode.EMPTY_DOCUMENT)
    extension = _extension(file_name)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"%PDF-"):
        return MediaType.PDF
    if head.startswith(b"PK\x03\x04"):
        return _word_or_refuse(head, extension)
    if head.startswith(_OLE) and _ENCRYPTED_OFFICE in head:
        raise DocumentRefused("The file is protected by a password.", code=ErrorCode.ENCRYPTED)
    claimed = _claimed(extension, declared)
    if _hides_pdf(head, claimed):
        return MediaType.PDF
    if extension in _NEVER_TEXT or claimed in (MediaType.PDF, MediaType.DOCX) or _is_binary(head):
        raise unsupported()
    return _kind_of_text(_leading_text(head), claimed)


def unsupported() -> DocumentRefused:
    """The refusal of a type that is not read."""
    return DocumentRefused(
        "Files of this type are not supported: send text, Markdown, HTML, PDF, DOCX, CSV or JSON.",
        code=ErrorCode.UNSUPPORTED_TYPE,
    )


def safe_file_name(name: str) -> str:
    """A label made from a sender's file name: NFC, without folders, control or bidi characters, at most 200
    characters with its extension kept. Never used as a path."""
    last = unicodedata.normalize("NFC", name[-4096:]).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    kept = "".join(character for character in last if _fit_for_label(character)).strip(_NOT_AT_ENDS)
    stem, dot, extension = kept.rpartition(".")
    if len(kept) > 200 and dot and len(extension) <= 20:
        return stem[: 199 - len(extension)] + "." + extension
    return kept[:200].strip(_NOT_AT_ENDS) or "unnamed"


def _fit_for_label(character: str) -> bool:
    # Zero-width joiners are format characters, but Persian names and joined emoji need them.
    if character in "\u200c\u200d":
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def _extension(file_name: str | None) -> str:
    return (file_name or "").rstrip(". ").rpartition(".")[2].lower() if "." in (file_name or "") else ""


def _claimed(extension: str, declared: str | None) -> MediaType | None:
    word = (declared or "").partition(";")[0].strip().lower()
    if word in _WORD_FOR_DECLARED:
        return _WORD_FOR_DECLARED[word]
    if word in set(MediaType) and word != MediaType.TEXT:
        return MediaType(word)
    return _EXTENSIONS.get(extension)


def _word_or_refuse(head: bytes, extension: str) -> MediaType:
    if extension in ("docm", "dotm") or not word_document_in(head):
        raise unsupported()
    return MediaType.DOCX


def _hides_pdf(head: bytes, claimed: MediaType | None) -> bool:
    # Readers accept the header anywhere in the first 1,024 bytes; a Markdown page about PDF quotes it too.
    if not _PDF_HEADER.search(head, 0, 1024):
        return False
    return claimed is MediaType.PDF or (claimed is not MediaType.MARKDOWN and b" obj" in head)


def _is_binary(head: bytes) -> bool:
    if head.startswith(_TEXTUAL_MAGIC) or head.startswith(_OLE):
        return True
    marked = marked_encoding(head)
    if (marked and marked[0] != "utf-8") or unmarked_utf_16(head):
        return False
    controls = len(_NOT_IN_TEXT.findall(head))
    return controls > len(head) / 50 or head.count(0) > len(head) / 10


def _leading_text(head: bytes) -> str:
    marked = marked_encoding(head)
    if marked:
        return head[marked[1] :].decode(marked[0], "replace")
    return head.decode(unmarked_utf_16(head) or "latin-1", "replace")


def _kind_of_text(text: str, claimed: MediaType | None) -> MediaType:
    if claimed is MediaType.HTML or _HTML_START.match(text, 0, 4096):
        return MediaType.HTML
    if claimed is MediaType.JSON:
        return MediaType.JSON if _JSON_START.match(text) else MediaType.TEXT
    if claimed is None and (_OBJECT_START.match(text) or _is_whole_json(text)):
        return MediaType.JSON
    return claimed or MediaType.TEXT


def _is_whole_json(text: str) -> bool:
    if not text.lstrip().startswith(("[", "{")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
