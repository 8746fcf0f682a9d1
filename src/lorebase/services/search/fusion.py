"""Fuses the vector leg and the keyword leg by weighted normalised scores.

Keyword scores are divided by the best one, cosines stretched from 0 to 1 between the worst and the best; a
passage that a leg did not find counts 0 there. Over Cranfield and XQuAD in English, German and Chinese this
held where reciprocal rank fusion did not: it trusts both legs alike whatever they scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from lorebase.schemas.search import ScoredChunk

# How little the first ranks stand out; the value of the paper.
_RANK_CONSTANT = 60


@dataclass(frozen=True)
class FusedCandidate:
    """A passage that at least one leg found, with each leg's own score and rank (from 1)."""

    chunk_id: UUID
    score: float
    vector_score: float | None
    keyword_score: float | None
    vector_rank: int | None
    keyword_rank: int | None


@dataclass(frozen=True)
class Leg:
    """What one leg found, best first: scores as they came, and shares from 0 to 1 that can be added."""

    scores: Mapping[UUID, float]
    shares: Mapping[UUID, float]
    ranks: Mapping[UUID, int]


NOTHING = Leg({}, {}, {})


def keyword_leg(*lists: Sequence[ScoredChunk]) -> Leg:
    """BM25 scores, one list an analyser, each divided by its best; ranks are those of the shares."""
    shares: dict[UUID, float] = {}
    for found in lists:
        best = max((hit.score for hit in found), default=0.0)
        shares |= {hit.chunk_id: hit.score / best if best > 0 else 0.0 for hit in found}
    every = [hit for found in lists for hit in found]
    every.sort(key=lambda hit: (-shares[hit.chunk_id], -hit.score, hit.chunk_id))
    return _leg(every, shares)


def vector_leg(found: Sequence[Sequence[ScoredChunk]]) -> Leg:
    """Cosines, one list a model. Models are not comparable: with several of them only ranks count."""
    lists = [_ordered(hits) for hits in found if hits]
    if len(lists) == 1:
        return _leg(lists[0], _stretched(lists[0]))
    placed = [(place, hit) for hits in lists for place, hit in enumerate(hits)]
    placed.sort(key=lambda entry: (entry[0], entry[1].chunk_id))
    longest = max(map(len, lists), default=0)
    merged = [hit for _, hit in placed]
    return _leg(merged, {hit.chunk_id: 1 - place / longest for place, hit in placed})


def fuse(vector: Leg, keyword: Leg, vector_weight: float) -> list[FusedCandidate]:
    """All candidates, best first; equal ones in the order of their ids, so that pages never overlap."""
    fused = [
        FusedCandidate(
            chunk_id=chunk_id,
            score=vector_weight * vector.shares.get(chunk_id, 0.0)
            + (1 - vector_weight) * keyword.shares.get(chunk_id, 0.0),
            vector_score=vector.scores.get(chunk_id),
            keyword_score=keyword.scores.get(chunk_id),
            vector_rank=vector.ranks.get(chunk_id),
            keyword_rank=keyword.ranks.get(chunk_id),
        )
        for chunk_id in vector.scores.keys() | keyword.scores.keys()
    ]
    return sorted(fused, key=lambda candidate: (-candidate.score, candidate.chunk_id))


def fuse_by_rank(lists: Sequence[Sequence[FusedCandidate]], weights: Sequence[float]) -> list[FusedCandidate]:
    """One order of what several queries found: reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009).

    Each list weighs what `weights` says. A candidate keeps its best score and rank of each leg. Scores of
    different queries are not comparable, so only ranks count; equal ones stand in the order of their ids.
    Who is first in every list has a score of 1.
    """
    unit = (_RANK_CONSTANT + 1) / (sum(weights) or 1.0)
    found: dict[UUID, list[FusedCandidate]] = {}
    scores: dict[UUID, float] = {}
    for candidates, weight in zip(lists, weights, strict=True):
        for rank, candidate in enumerate(candidates, start=1):
            found.setdefault(candidate.chunk_id, []).append(candidate)
            gain = unit * weight / (_RANK_CONSTANT + rank)
            scores[candidate.chunk_id] = scores.get(candidate.chunk_id, 0.0) + gain
    merged = [_best(same, scores[chunk_id]) for chunk_id, same in found.items()]
    return sorted(merged, key=lambda candidate: (-candidate.score, candidate.chunk_id))


def _best(same: Sequence[FusedCandidate], score: float) -> FusedCandidate:
    return FusedCandidate(
        chunk_id=same[0].chunk_id,
        score=score,
        vector_score=max((c.vector_score for c in same if c.vector_score is not None), default=None),
        keyword_score=max((c.keyword_score for c in same if c.keyword_score is not None), default=None),
        vector_rank=min((c.vector_rank for c in same if c.vector_rank is not None), default=None),
        keyword_rank=min((c.keyword_rank for c in same if c.keyword_rank is not None), default=None),
    )


def _ordered(found: Sequence[ScoredChunk]) -> list[ScoredChunk]:
    return sorted(found, key=lambda hit: (-hit.score, hit.chunk_id))


def _stretched(ordered: Sequence[ScoredChunk]) -> dict[UUID, float]:
    best, worst = ordered[0].score, ordered[-1].score
    span = best - worst
    return {hit.chunk_id: (hit.score - worst) / span if span > 0 else 1.0 for hit in ordered}


def _leg(ordered: Sequence[ScoredChunk], shares: Mapping[UUID, float]) -> Leg:
    return Leg(
        scores={hit.chunk_id: hit.score for hit in ordered},
        shares=shares,
        ranks={hit.chunk_id: rank for rank, hit in enumerate(ordered, start=1)},
    )
