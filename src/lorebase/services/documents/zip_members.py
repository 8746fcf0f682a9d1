"""What the first bytes of a zip archive say of its members, without opening it."""

from __future__ import annotations

import re
import zlib

_LOCAL_HEADER = re.compile(rb"PK\x03\x04.{22}(..)(..)", re.DOTALL)
_CONTENT_TYPES = b"[Content_Types].xml"
_OTHER_OFFICE = (b"xl/", b"ppt/", b"visio/", b"META-INF/", b"mimetype")
_WORD_HINTS = (b"word/", b"_rels/.rels", b"docProps/")


def word_document_in(head: bytes) -> bool:
    """Whether the members seen are those of a Word document without macros; its parser looks at the rest."""
    names = []
    declared = b""
    for match in _LOCAL_HEADER.finditer(head):
        name_end = match.end() + int.from_bytes(match.group(1), "little")
        names.append(head[match.end() : name_end])
        if names[-1] == _CONTENT_TYPES and not declared:
            declared = _content(head, match.start(), name_end + int.from_bytes(match.group(2), "little"))
    if any(name.startswith(_OTHER_OFFICE) or name.endswith(b"vbaProject.bin") for name in names):
        return False
    if b"macroEnabled" in declared:
        return False
    return b"wordprocessingml" in declared or any(name.startswith(_WORD_HINTS) for name in names)


def _content(head: bytes, header: int, start: int) -> bytes:
    method = int.from_bytes(head[header + 8 : header + 10], "little")
    if method == 0:
        return head[start : start + int.from_bytes(head[header + 18 : header + 22], "little")]
    try:
        return zlib.decompressobj(-15).decompress(head[start:], 65_536)
    except zlib.error:
        return b""
