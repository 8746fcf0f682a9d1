"""What a citation looks like in an answer, and how text that only looks like one is told apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

NO_EVIDENCE = "NO_EVIDENCE"

# Possessive, so that no text makes the search look twice.
MARKER = r"\[\s*+\d{1,3}+(?:\s*+,\s*+\d{1,3}+)*+\s*+\]"

_IMITATION = re.compile(rf"{MARKER}|{NO_EVIDENCE}")
_NEUTRAL = str.maketrans({"[": "［", "]": "］", "_": "-"})


@dataclass(frozen=True, slots=True)
class Marker:
    """A citation as it stands in an answer: code points, end exclusive, and the number shown."""

    start: int
    end: int
    number: int


def neutralised(text: str) -> str:
    """The text, as long as before, with nothing in it that an answer's reader could take for our marks.

    Papers and wikis number their own references: a model that copies "[3]" would cite our third passage. In
    full-width brackets it stays legible and means nothing.
    """
    return _IMITATION.sub(lambda match: match.group().translate(_NEUTRAL), text)


def without_markers(text: str) -> str:
    """An earlier answer without its markers: they numbered the passages of another prompt."""
    return re.sub(rf"(?<![ \t])[ \t]*+{MARKER}", "", text)
