"""A tokenizer that needs no model: words in parts of six letters, each other character alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"\w++|[^\w\s]")


class FakeTokenizer:
    """Splits like WordPiece does: a word of over 100 letters is one token. Counts what it is given."""

    def __init__(self) -> None:
        self.calls = 0
        self.characters = 0

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """See the port."""
        self.calls += 1
        self.characters += sum(map(len, texts))
        return [self._ends(text) for text in texts]

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        return len(self._ends(text))

    def _ends(self, text: str) -> list[int]:
        ends: list[int] = []
        for match in _TOKEN.finditer(text):
            start, end = match.span()
            if end - start <= 100:
                ends.extend(range(start + 6, end, 6))
            ends.append(end)
        return ends
