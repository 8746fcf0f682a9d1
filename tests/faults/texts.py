"""Texts whose every line says which version of which document it belongs to."""

from __future__ import annotations

import random
import re

LINES = 14
# Without vowels and with an end that no stemmer cuts, so that a mark is one keyword of its own.
_LETTERS = "bcdfghjklmnpqrtvwz"
_MARK = re.compile(r"\bmark(x[bcdfghjklmnpqrtvwz]{11}q)\b")


def new_mark(chance: random.Random) -> str:
    """A word that stands in one version of one document and nowhere else."""
    return "x" + "".join(chance.choice(_LETTERS) for _ in range(11)) + "q"


def body_of(mark: str, lines: int = LINES) -> str:
    """A Markdown text of a few passages, each of which carries the mark."""
    told = (
        f"Line {number} of mark{mark} tells what {mark} keeps in cask {number}." for number in range(lines)
    )
    return f"# Ledger {mark}\n\n" + "\n\n".join(told) + "\n"


def marks_in(text: str) -> tuple[str, ...]:
    """The marks of all versions that a text was cut from, each once."""
    return tuple(sorted(set(_MARK.findall(text))))
