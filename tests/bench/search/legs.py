"""The two legs in memory: BM25 over the analyser's terms, exact cosines over the model's vectors."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from lorebase.core.config import disable_native_telemetry
from lorebase.schemas.search import ScoredChunk
from lorebase.services.keywords.keywords import KeywordAnalyser, weights
from tests.bench.search.dataset import Dataset, Passage
from tests.bench.search.header import Header

_NAMESPACE = UUID(int=0)
_MODEL_TOKENS = 256

Array = npt.NDArray[np.float32]


def chunk_id(passage_id: str) -> UUID:
    """A stable id for a passage."""
    return uuid5(_NAMESPACE, passage_id)


def _scored(passage_id: str, score: float) -> ScoredChunk:
    chunk = chunk_id(passage_id)
    return ScoredChunk(chunk_id=chunk, document_id=chunk, generation=1, score=score)


class KeywordBench:
    """Postings with the service's own terms and weights; idf as the keyword index counts it."""

    def __init__(self, dataset: Dataset, analyser: KeywordAnalyser | None = None) -> None:
        self.analyser = analyser or KeywordAnalyser()
        self._count = len(dataset.passages)
        self._postings: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        for passage in dataset.passages:
            counts = self.analyser.counts(f"{passage.title}\n{passage.text}", None)
            for term, weight in weights(counts).items():
                self._postings[term].append((passage.id, weight))

    @property
    def size(self) -> float:
        """Postings a passage."""
        return sum(map(len, self._postings.values())) / self._count

    def search(self, query: str, limit: int) -> list[ScoredChunk]:
        """The best passages by BM25."""
        scores: defaultdict[str, float] = defaultdict(float)
        for term in self.analyser.query_stems(query):
            postings = self._postings.get(term, [])
            idf = math.log(1 + (self._count - len(postings) + 0.5) / (len(postings) + 0.5))
            for passage_id, weight in postings:
                scores[passage_id] += idf * weight
        best = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return [_scored(passage_id, score) for passage_id, score in best]


class VectorBench:
    """The converted MiniLM, one text at a time as the model server runs it."""

    def __init__(self, directory: Path, header: Header, cache: Path | None) -> None:
        disable_native_telemetry()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(directory / "model.onnx"), options)
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MODEL_TOKENS)
        self._header = header
        self._cache = cache

    def passages(self, passages: Sequence[Passage]) -> Array:
        """Vectors of passages, a row each."""
        return self._embed([self._header(passage.title, passage.text) for passage in passages])

    def queries(self, texts: Sequence[str]) -> Array:
        """Vectors of queries, a row each."""
        return self._embed(list(texts))

    def nearest(self, ids: Sequence[str], vectors: Array, query: Array, limit: int) -> list[ScoredChunk]:
        """The nearest passages by cosine."""
        scores = vectors @ query
        best = np.argsort(-scores, kind="stable")[:limit]
        return [_scored(ids[place], float(scores[place])) for place in best]

    def _embed(self, texts: list[str]) -> Array:
        key = hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()
        kept = self._cache / f"{key}.npy" if self._cache else None
        if kept is not None and kept.exists():
            return np.asarray(np.load(kept), dtype=np.float32)
        vectors = np.stack([self._embed_one(text) for text in texts])
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, vectors)
        return vectors

    def _embed_one(self, text: str) -> Array:
        tokens = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        return np.asarray(self._session.run(None, {"input_ids": tokens})[0][0], dtype=np.float32)
