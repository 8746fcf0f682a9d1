"""An encoder without a model: words become directions, so that texts sharing words are alike."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import numpy as np

from lorebase.embedded.models.encoder import Vector
from lorebase.embedded.models.model_files import ModelManifest

DIMENSIONS = 64
MANIFEST = ModelManifest(
    name="all-MiniLM-L6-v2", version="fake-1", dimensions=DIMENSIONS, max_input_tokens=256, sha256={}
)


class FakeEncoder:
    """Keeps to the encoder's contract; `gate` holds every run back while it is cleared."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.embedded: list[tuple[int, ...]] = []
        self.running = threading.Semaphore(0)
        self.failure: Exception | None = None

    @property
    def manifest(self) -> ModelManifest:
        return MANIFEST

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [[101, *(word_number(word) for word in text.split()), 102][:256] for text in texts]

    def count_tokens(self, texts: Sequence[str]) -> int:
        return sum(len(text.split()) for text in texts)

    def embed(self, tokens: Sequence[int]) -> Vector:
        self.running.release()
        assert self.gate.wait(timeout=30)
        if self.failure:
            raise self.failure
        self.embedded.append(tuple(tokens))
        vector = np.zeros(DIMENSIONS, np.float32)
        for token in tokens:
            vector[token % DIMENSIONS] += 1
        return vector / np.float32(np.linalg.norm(vector))


def word_number(word: str) -> int:
    """A stable number for a word, letters only and in any case."""
    letters = "".join(filter(str.isalnum, word)).casefold()
    return 1000 + int.from_bytes(hashlib.blake2b(letters.encode("utf-8"), digest_size=2).digest())
