"""nDCG@10 of the legs and of their fusion."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from uuid import UUID

from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.services.embeddings.model_languages import vector_weight
from lorebase.services.search.fusion import fuse, keyword_leg, vector_leg
from tests.bench.search.dataset import Dataset
from tests.bench.search.legs import KeywordBench, VectorBench, chunk_id

CANDIDATES = 100
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
MINILM = EmbeddingModel(
    id=UUID(int=1),
    name="all-MiniLM-L6-v2",
    provider="local",
    version="bench",
    dimensions=384,
    max_input_tokens=256,
    collection="none",
    deprecated_at=None,
    created_at=_EPOCH,
    updated_at=_EPOCH,
)
CUT = 10


@dataclass(frozen=True)
class Figures:
    """Means over all queries, and the processor time they took, embedding passages left out."""

    keyword: float
    vector: float
    fused: float
    queries: int
    cpu_seconds: float


def measure(dataset: Dataset, keywords: KeywordBench, vectors: VectorBench) -> Figures:
    """Runs every query of a set."""
    ids = [passage.id for passage in dataset.passages]
    rows = vectors.passages(dataset.passages)
    started = time.process_time()
    asked = vectors.queries(list(dataset.queries.values()))
    results: list[tuple[float, float, float]] = []
    for (query_id, query), vector in zip(dataset.queries.items(), asked, strict=True):
        by_word = keywords.search(query, CANDIDATES)
        by_vector = vectors.nearest(ids, rows, vector, CANDIDATES)
        language = keywords.analyser.detect_language(query)
        weight = vector_weight([MINILM], language, query)
        fused = fuse(vector_leg([by_vector]), keyword_leg(by_word), weight)
        relevant = {chunk_id(passage_id) for passage_id in dataset.relevant[query_id]}
        ranked = ([hit.chunk_id for hit in hits] for hits in (by_word, by_vector, fused))
        keyword, nearest, both = (ndcg(order, relevant) for order in ranked)
        results.append((keyword, nearest, both))
    keyword, nearest, both = (fmean(column) for column in zip(*results, strict=True))
    return Figures(keyword, nearest, both, len(results), time.process_time() - started)


def ndcg(ranked: Sequence[UUID], relevant: set[UUID]) -> float:
    """Normalised discounted cumulative gain of the first ten, every relevant passage worth the same."""
    gain = sum(1 / math.log2(place + 2) for place, found in enumerate(ranked[:CUT]) if found in relevant)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(len(relevant), CUT)))
