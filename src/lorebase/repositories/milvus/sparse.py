"""Weights of terms as sparse vectors: a term's 32 bits are its dimension.

Milvus knows the dimensions 0 to 2^32 - 2, and refuses a whole batch for one vector without any.
"""

from __future__ import annotations

from collections.abc import Mapping

_DIMENSIONS = 2**32 - 1
# What a passage without words holds, so small that no hit is taken for one.
_NOTHING = _DIMENSIONS - 1
_NEXT_TO_NOTHING = 1e-30


def sparse_vector(weights: Mapping[int, float]) -> dict[int, float]:
    """The vector of a passage; never empty."""
    found = query_vector(weights)
    return found or {_NOTHING: _NEXT_TO_NOTHING}


def query_vector(weights: Mapping[int, float]) -> dict[int, float]:
    """The vector of a query, empty without terms. The two highest terms share a dimension."""
    found: dict[int, float] = {}
    for term, weight in weights.items():
        dimension = min(term % 2**32, _DIMENSIONS - 1)
        found[dimension] = found.get(dimension, 0.0) + weight
    return found


def is_score(score: float) -> bool:
    """Whether a hit shares a term with the query."""
    return score > _NEXT_TO_NOTHING * 1e6
