"""Milvus Lite's HNSW index finds exactly what is nearest where few rows pass a filter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from milvus_lite.index.faiss_hnsw import FaissHnswIndex  # type: ignore[import-untyped]

from lorebase.embedded.exact_search import Found, search_exactly_when_few

DIMENSIONS = 16
METRICS = ("COSINE", "IP", "L2")

Floats = npt.NDArray[np.float32]
BY_GRAPH = FaissHnswIndex.search


def vectors(seed: int, count: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)


def searched(
    index: FaissHnswIndex,
    query: Floats,
    top_k: int,
    mask: npt.NDArray[np.bool_] | None,
    *,
    rows: int = 10_000,
    ef: int = 64,
) -> Found:
    return search_exactly_when_few(BY_GRAPH, rows)(index, query, top_k, mask, {"ef": ef})


def distances(metric: str, rows: Floats, query: Floats) -> Floats:
    """As they are defined, smaller is nearer."""
    if metric == "L2":
        return np.asarray(np.linalg.norm(rows - query, axis=1))
    products = rows @ query
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    return np.asarray(-products if metric == "IP" else -products / lengths)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(METRICS),
    st.integers(1, 300),
    st.integers(1, 120),
    st.none() | st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_what_passes_is_compared_row_by_row(
    metric: str, count: int, top_k: int, share: float | None, seed: int
) -> None:
    rows, query = vectors(seed, count), vectors(seed + 1, 1)
    index = FaissHnswIndex.build(rows, metric, {"M": 4, "efConstruction": 16})
    mask = None if share is None else np.random.default_rng(seed).random(count) < share
    passing = np.arange(count) if mask is None else np.flatnonzero(mask)
    nearest = passing[np.argsort(distances(metric, rows, query[0])[passing], kind="stable")][:top_k]
    (ids,), (far,) = searched(index, query, top_k, mask)
    found = ids[ids >= 0]
    assert len(found) == len(nearest)
    assert ids.shape == far.shape == (top_k,)
    expected = distances(metric, rows, query[0])
    assert expected[found] == pytest.approx(expected[nearest], abs=1e-4)
    assert np.isinf(far[len(found) :]).all()
    assert np.isfinite(far[: len(found)]).all()


@pytest.mark.parametrize("metric", METRICS)
def test_distances_are_those_of_the_graph(metric: str) -> None:
    rows, query = vectors(1, 200), vectors(2, 1)
    index = FaissHnswIndex.build(rows, metric, {"M": 16, "efConstruction": 200})
    mask = np.arange(200) % 2 == 0
    for given_mask in (None, mask):
        (exact, exact_far) = searched(index, query, 10, given_mask)
        (graph, graph_far) = searched(index, query, 10, given_mask, rows=0, ef=200)
        assert exact.tolist() == graph.tolist()
        assert exact_far == pytest.approx(graph_far, abs=1e-5)


def test_where_the_graph_misses_what_a_filter_leaves_nothing_is_missed_any_more() -> None:
    """Two topics; the filter leaves a few rows of the one that the question is not about."""
    near, far = vectors(3, 4000) * 0.05, vectors(4, 4000) * 0.05
    near[:, 0] += 1.0
    far[:, 1] += 1.0
    index = FaissHnswIndex.build(np.concatenate([near, far]), "COSINE", {"M": 16, "efConstruction": 100})
    mask = np.zeros(8000, dtype=bool)
    mask[4000:8000:100] = True
    query = near[:1]
    (by_graph,), _ = searched(index, query, 40, mask, rows=0)
    (exact,), _ = searched(index, query, 40, mask)
    assert (by_graph >= 0).sum() < 40
    assert set(exact.tolist()) == set(np.flatnonzero(mask).tolist())


def test_more_rows_are_left_to_the_graph() -> None:
    rows, query = vectors(5, 300), vectors(6, 1)
    index = FaissHnswIndex.build(rows, "COSINE", {"M": 4, "efConstruction": 8})
    calls: list[int] = []

    def graph(self: FaissHnswIndex, *given: object) -> Found:
        calls.append(1)
        found: Found = BY_GRAPH(self, *given)
        return found

    search = search_exactly_when_few(graph, 100)
    search(index, query, 5, None, {})
    search(index, query, 5, np.arange(300) < 101, {})
    search(index, query, 5, np.zeros(300, dtype=bool), {})
    assert len(calls) == 3
    search(index, query, 5, np.arange(300) < 100, {})
    assert len(calls) == 3


def test_nothing_is_found_where_nothing_passes_or_nothing_is_wanted() -> None:
    index = FaissHnswIndex.build(vectors(7, 50), "COSINE", {})
    (ids,), (far,) = searched(index, vectors(8, 1), 3, np.zeros(50, dtype=bool))
    assert ids.tolist() == [-1, -1, -1]
    assert np.isinf(far).all()
    assert searched(index, vectors(8, 1), 0, None)[0].shape == (1, 0)
