"""Bytes into text: byte order marks, UTF-8, and a guess when neither fits."""

from __future__ import annotations

import re

from lorebase.core.byte_order import marked_encoding, unmarked_utf_16

ENCODING_GUESSED = "ENCODING_GUESSED"
ENCODING_REPLACED = "ENCODING_REPLACED"

_KNOWN = re.compile(
    r"iso-?8859-\d{1,2}|latin-?1|windows-125\d|cp125\d|koi8-[ru]|shift[_-]?jis|euc-(?:jp|kr)|gb(?:2312|k|18030)|big5|"
    r"iso-2022-jp|us-ascii|mac-?roman",
    re.IGNORECASE,
)


def decode(content: bytes, hint: str | None = None) -> tuple[str, list[str]]:
    """The text of `content`, and warnings when its encoding had to be guessed or bytes were replaced.

    `hint` is an encoding that the content itself names. What is not Unicode is read as Windows-1252, the
    superset of Latin-1 that most such files are in (WHATWG Encoding Standard, 4.2).
    """
    marked = marked_encoding(content)
    if marked:
        return _decoded(content[marked[1] :], marked[0])
    wide = unmarked_utf_16(content)
    if wide:
        return _decoded(content, wide)
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        return _not_utf_8(content, hint)


def _decoded(content: bytes, encoding: str) -> tuple[str, list[str]]:
    text = content.decode(encoding, "replace")
    return text, [ENCODING_REPLACED] if "\ufffd" in text else []


def _not_utf_8(content: bytes, hint: str | None) -> tuple[str, list[str]]:
    if hint and _KNOWN.fullmatch(hint):
        return _decoded(content, hint)
    replaced = content.decode("utf-8", "replace")
    foreign = sum(character > "\x7f" for character in replaced[:1_000_000])
    if replaced.count("\ufffd") * 10 <= foreign:
        return replaced, [ENCODING_REPLACED]
    # The five bytes that Windows-1252 leaves undefined stand for control characters, dropped anyway.
    return content.translate(None, b"\x81\x8d\x8f\x90\x9d").decode("cp1252"), [ENCODING_GUESSED]
