"""Measuring text in tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Tokenizer(Protocol):
    """Splits text the way the embedding model does."""

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset (in code points) of every token, ascending, without special tokens."""
        ...
