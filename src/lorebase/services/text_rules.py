"""Short texts that users give: what is refused and what is tidied."""

from __future__ import annotations

import re
import unicodedata

from lorebase.core.errors import BadInput, ErrorCode

_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")
# Embeddings, overrides and isolates can make a name read as another; plain direction marks cannot.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def refuse_unstorable(text: str, field: list[str]) -> None:
    """INVALID_TEXT for U+0000 and lone surrogates, which no database stores."""
    if "\0" in text or _SURROGATE.search(text):
        message = "The text contains a character that cannot be stored: U+0000 or half of a surrogate pair."
        raise BadInput(message, code=ErrorCode.INVALID_TEXT, field=field)


def tidy_label(text: str, field: list[str]) -> str:
    """The text as `tidied` makes it; refuses the unstorable."""
    refuse_unstorable(text, field)
    return tidied(text)


def tidied(text: str) -> str:
    """The text in NFC on one line, without control characters, bidi controls and lone surrogates."""
    # Removed first: what they kept apart may be two spaces, or a letter and its accent.
    shown = "".join(character for character in text if character.isspace() or _shows(character))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", shown)).strip()


def _shows(character: str) -> bool:
    return character not in _BIDI_CONTROLS and unicodedata.category(character) not in ("Cc", "Cs")
