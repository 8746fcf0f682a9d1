"""Exact search in Milvus Lite: where a filter leaves few rows, HNSW is slower and misses most of them.

Lite always walks the graph, and past rows that a filter hides it may never come to those that are left. The
graph keeps the vectors too, so they can be compared one by one (docs/adr/0020-exact-search-when-few-pass.md).
"""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np
import numpy.typing as npt
from milvus_lite.index.faiss_hnsw import FaissHnswIndex  # type: ignore[import-untyped]

# Of 384 dimensions, 20,000 rows take 1.5 to 2.2 ms of CPU, the graph at the breadth that filters need 6 ms.
EXACT_ROWS = 100_000

Floats = npt.NDArray[np.float32]
Found = tuple[npt.NDArray[np.int64], Floats]
Search = Callable[..., Found]


def search_exactly_when_few(by_graph: Search, rows: int) -> Search:
    """A `search` for Lite's HNSW indexes that compares all rows when no more than these pass."""

    def search(
        self: FaissHnswIndex,
        queries: Floats,
        top_k: int,
        valid_mask: npt.NDArray[np.bool_] | None = None,
        params: dict[str, object] | None = None,
    ) -> Found:
        passing = self.num_vectors if valid_mask is None else int(np.count_nonzero(valid_mask))
        if top_k < 1 or not 0 < passing <= rows:
            return by_graph(self, queries, top_k, valid_mask, params)
        return _nearest(self, np.atleast_2d(queries).astype(np.float32), top_k, valid_mask)

    return search


def _nearest(
    index: FaissHnswIndex, queries: Floats, top_k: int, valid_mask: npt.NDArray[np.bool_] | None
) -> Found:
    if index.metric == "COSINE":
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        queries = (queries / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    chosen = None
    if valid_mask is not None:
        bits = np.packbits(valid_mask, bitorder="little")
        # faiss describes what it wraps, and not the Python around it.
        selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]
        chosen = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
    vectors = faiss.downcast_index(index._index.storage)
    similar, ids = vectors.search(np.ascontiguousarray(queries), top_k, params=chosen)
    # What Lite expects: smaller is nearer, and infinity where there are no more.
    distances = np.full(similar.shape, np.inf, dtype=np.float32)
    for place in np.argwhere(ids >= 0):
        distances[tuple(place)] = index._normalize_distance(float(similar[tuple(place)]))
    return ids, distances


def install() -> None:
    """Lets all HNSW indexes of this process search so."""
    FaissHnswIndex.search = search_exactly_when_few(FaissHnswIndex.search, EXACT_ROWS)
