"""Plain text: decoded, with the underlined titles that README and reStructuredText files use as headings."""

from __future__ import annotations

import re

from lorebase.clients.parsing.cleaning import check_length, clean, one_line
from lorebase.clients.parsing.decoding import decode
from lorebase.clients.parsing.extraction import Extraction, Heading, Limits

_UNDERLINE = re.compile(r"^([=\-~^\"'`#*+:])\1{2,}+[ \t]*+$", re.MULTILINE)
_TITLE_LIMIT = 200


def parse_text(content: bytes, limits: Limits) -> Extraction:
    """The text as it stands; its title is the heading that it begins with, if it does."""
    decoded, warnings = decode(content)
    text = clean(decoded)
    check_length(len(text), limits.max_characters)
    headings = underlined_headings(text)
    title = headings[0].title if headings and headings[0].start < _TITLE_LIMIT else None
    return Extraction(text, title=title, headings=headings, warnings=warnings)


def underlined_headings(text: str) -> list[Heading]:
    """Titles underlined over their whole length, below a blank line or an overline; each new kind of line is
    one level deeper, as in reStructuredText (docutils.sourceforge.io, "Sections")."""
    headings: list[Heading] = []
    levels: dict[tuple[str, bool], int] = {}
    for match in _UNDERLINE.finditer(text):
        title = _line_above(text, match.start())
        if title is None or not 0 < title[1] - title[0] <= len(match.group().rstrip()):
            continue
        words = one_line(text[title[0] : title[1]])
        above = _line_above(text, title[0])
        before = text[above[0] : above[1]].strip() if above else ""
        overlined = before.startswith(match.group(1) * 3)
        if not any(map(str.isalnum, words)) or (before and not overlined):
            continue
        level = levels.setdefault((match.group(1), overlined), len(levels) + 1)
        headings.append(Heading(title[0], title[1], min(level, 6), words))
    return headings


def _line_above(text: str, start: int) -> tuple[int, int] | None:
    # Bounded, so that long lines cost nothing: a line cut short is too long to be a title anyway.
    if start == 0:
        return None
    return text.rfind("\n", max(0, start - 1 - _TITLE_LIMIT), start - 1) + 1, start - 1
