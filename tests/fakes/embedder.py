"""An embedder without a model: texts that share words get vectors that point the same way."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence

from lorebase.core.errors import LorebaseError
from lorebase.schemas.embeddings import EmbeddingModel, Embeddings

_ALMOST_NOTHING = 1e-3


class FakeEmbedder:
    """Deterministic unit vectors. `failure` is raised instead; `calls` keeps what was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.failure: LorebaseError | None = None

    async def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Embeddings:
        self.calls.append((model.name, tuple(texts)))
        if self.failure is not None:
            raise self.failure
        vectors = tuple(word_vector(text, model.dimensions) for text in texts)
        return Embeddings(vectors=vectors, tokens=sum(len(text.split()) for text in texts))


def word_vector(text: str, dimensions: int) -> tuple[float, ...]:
    """The sum of one axis a word, brought to unit length; never a zero vector."""
    sums = [_ALMOST_NOTHING] * dimensions
    for word in re.findall(r"\w+", text.casefold()):
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        sums[int.from_bytes(digest, "big") % dimensions] += 1.0
    length = math.hypot(*sums)
    return tuple(value / length for value in sums)
