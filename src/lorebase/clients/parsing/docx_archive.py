"""The archive around a Word document: checked before anything in it is unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib
from itertools import pairwise

from lxml import etree

from lorebase.core.errors import DocumentRefused, ErrorCode

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 100 * 1024 * 1024
MAX_RATIO = 100
_RATIO_FROM_BYTES = 10 * 1024 * 1024
_LOCAL_HEADER_BYTES = 30
# ISO/IEC 29500 "strict" files differ in the namespace only, as far as text goes.
_STRICT = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
_TRANSITIONAL = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    etree.XMLSyntaxError,
    EOFError,
    ValueError,
    NotImplementedError,
    OSError,
)


class DocxArchive:
    """A zip archive in memory. Nothing is ever written to disk, so names in it lead nowhere."""

    def __init__(self, content: bytes) -> None:
        """Raises DocumentRefused: DECOMPRESSION_LIMIT, ENCRYPTED, UNSUPPORTED_TYPE or CORRUPT."""
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
            raise corrupt() from error
        entries = self._zip.infolist()
        _check_sizes(entries)
        _check_structure(entries)
        self._names = {entry.filename for entry in entries}
        self._check_kind()

    def xml(self, name: str) -> etree._Element | None:
        """The root of an XML part, or None if there is no such part. A document type declaration, which no
        Word file has, is refused, so neither entities nor outside files are ever read."""
        if name not in self._names:
            return None
        try:
            content = self._zip.read(name).replace(_STRICT, _TRANSITIONAL)
            parser = etree.XMLParser(
                resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
            )
            root = etree.fromstring(content, parser)
        except _UNREADABLE as error:
            raise corrupt() from error
        if root.getroottree().docinfo.doctype:
            raise corrupt()
        return root

    def _check_kind(self) -> None:
        types = self.xml("[Content_Types].xml")
        if types is None:
            raise _not_word()
        declared = [
            str(element.get("ContentType") or "") for element in types.iter("{*}Override", "{*}Default")
        ]
        macros = any("macroEnabled" in kind for kind in declared) or any(
            name.endswith("vbaProject.bin") for name in self._names
        )
        if macros or not any("wordprocessingml" in kind for kind in declared):
            raise _not_word()


def corrupt() -> DocumentRefused:
    """The refusal of a file that is not what it seems."""
    return DocumentRefused("The Word document is damaged and cannot be read.", code=ErrorCode.CORRUPT)


def _not_word() -> DocumentRefused:
    return DocumentRefused("The file is not a Word document without macros.", code=ErrorCode.UNSUPPORTED_TYPE)


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    dense = any(
        entry.file_size > _RATIO_FROM_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1)
        for entry in entries
    )
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED_BYTES or dense:
        raise DocumentRefused(
            "The Word document unpacks to more than is allowed.", code=ErrorCode.DECOMPRESSION_LIMIT
        )


def _check_structure(entries: list[zipfile.ZipInfo]) -> None:
    if any(entry.flag_bits & 1 for entry in entries):
        raise DocumentRefused("The Word document is protected by a password.", code=ErrorCode.ENCRYPTED)
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise corrupt()
    if len({entry.filename for entry in entries}) < len(entries):
        raise corrupt()
    # Entries that share bytes unpack one small region many times (D. Fifield, "A better zip bomb", 2019).
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, following in pairwise(ordered):
        if entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size > following.header_offset:
            raise corrupt()
