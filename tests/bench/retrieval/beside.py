"""What stands beside the stack: plain BM25 by bm25s, and the bare embedding model with exact cosines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from lorebase.cli.evaluating.beir import Passage, RetrievalSet
from lorebase.schemas.evaluations import CaseScores
from lorebase.services.evaluations.retrieval_metrics import RANKED, score_case
from tests.bench.search.dataset import Passage as BenchPassage
from tests.bench.search.header import HEADERS
from tests.bench.search.legs import VectorBench

HOW = "Install it where the bench runs: pip install bm25s"


def bare_model(given: RetrievalSet, models: Path) -> list[CaseScores]:
    """MiniLM alone: one vector a document, its title before its text, compared exactly."""
    bench = VectorBench(models, HEADERS["line"], None)
    passages = list(given.passages())
    rows = bench.passages([BenchPassage(passage.id, passage.title, passage.text) for passage in passages])
    asked = bench.queries(list(given.queries.values()))
    orders = (np.argsort(-(rows @ vector), kind="stable")[:RANKED] for vector in asked)
    return list(_scored(given, passages, orders))


def plain_bm25(given: RetrievalSet) -> list[CaseScores] | None:
    """bm25s with its own defaults and no stemmer; None when it is not installed."""
    try:
        import bm25s
    except ImportError:
        return None
    passages = list(given.passages())
    index = bm25s.BM25()
    texts = [f"{passage.title}\n{passage.text}" for passage in passages]
    index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(given.queries.values()), show_progress=False)
    orders, _ = index.retrieve(asked, k=min(RANKED, len(passages)), show_progress=False)
    return list(_scored(given, passages, orders))


def _scored(
    given: RetrievalSet,
    passages: Sequence[Passage],
    orders: Iterable[Sequence[int]],
) -> Iterator[CaseScores]:
    ids = [passage.id for passage in passages]
    judged: Mapping[str, Mapping[str, int]] = given.grades
    for key, order in zip(given.queries, orders, strict=True):
        yield score_case([ids[place] for place in order], judged[key])
