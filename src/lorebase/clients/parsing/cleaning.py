"""Text made safe to store: what every parser's output has in common."""

from __future__ import annotations

import re

from lorebase.core.errors import DocumentRefused, ErrorCode

_UNWANTED = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
# Not white space to Unicode, yet nothing to read: joiners, bidi marks, fillers, variation selectors, tags.
_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_VISIBLE = re.compile(f"[^\\s{_INVISIBLE}]")


def clean(text: str) -> str:
    """Without NUL, other control characters and lone surrogates; line and page ends are line feeds."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\f" in text or "\v" in text:
        text = text.replace("\f", "\n").replace("\v", "\n")
    return _UNWANTED.sub("", text) if _UNWANTED.search(text) else text


def has_visible_text(text: str) -> bool:
    """Whether a reader would see anything at all."""
    return _VISIBLE.search(text) is not None


def one_line(text: str, limit: int = 500) -> str:
    """The words of `text` on one line, at most `limit` characters."""
    return " ".join(text[: limit * 4].split())[:limit].rstrip()


def check_length(characters: int, limit: int) -> None:
    """Refuses a document whose text is longer than `limit` characters."""
    if characters > limit:
        raise DocumentRefused(
            f"The document's text is longer than {limit:,} characters.",
            code=ErrorCode.TOO_LARGE,
            details={"limit": limit},
        )
