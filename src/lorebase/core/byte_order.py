"""Which Unicode encoding bytes are in, by their mark or by where their zero bytes stand."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # Before UTF-16, whose little-endian mark begins this one.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def marked_encoding(content: bytes) -> tuple[str, int] | None:
    """The encoding that a byte order mark names and the mark's length, or None without a mark."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding, len(mark)
    return None


def unmarked_utf_16(content: bytes) -> str | None:
    """The flavour of UTF-16 without a mark, told by zero bytes at every other place; None if it is not."""
    even, odd = content[0:4096:2].count(0), content[1:4096:2].count(0)
    pairs = min(len(content), 4096) // 2
    if pairs >= 2 and odd > pairs * 0.4 and even < pairs * 0.05:
        return "utf-16-le"
    if pairs >= 2 and even > pairs * 0.4 and odd < pairs * 0.05:
        return "utf-16-be"
    return None
