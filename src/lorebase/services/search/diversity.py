"""Spreads the order of hits over what differs."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Han, Kana and Hangul are compared by character, other scripts by word.
_UNIT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def spread(texts: Sequence[str], relevance: Sequence[float], trade_off: float) -> list[int]:
    """The places of texts by maximal marginal relevance (Carbonell and Goldstein, 1998).

    Each next one is the best by `trade_off` times its relevance less (1 - `trade_off`) times its overlap with
    the most alike of those before. Relevance is stretched from 0 to 1; overlap is the Jaccard index of words.
    The given order decides between equal ones; its first stays first.
    """
    sets = [frozenset(_units(text)) for text in texts]
    shares = _stretched(relevance)
    nearest = [0.0] * len(texts)
    left = list(range(len(texts)))
    order: list[int] = []
    while left:
        gains = [trade_off * shares[place] - (1 - trade_off) * nearest[place] for place in left]
        chosen = left.pop(gains.index(max(gains)) if order else 0)
        order.append(chosen)
        for place in left:
            nearest[place] = max(nearest[place], _overlap(sets[chosen], sets[place]))
    return order


def _units(text: str) -> list[str]:
    return _UNIT.findall(text.casefold())


def _stretched(relevance: Sequence[float]) -> list[float]:
    best, worst = max(relevance, default=0.0), min(relevance, default=0.0)
    span = best - worst
    return [(value - worst) / span if span > 0 else 1.0 for value in relevance]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0
