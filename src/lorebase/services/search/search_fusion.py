"""One order of all that a search found: of the legs of each query, then of the queries."""

from __future__ import annotations

from collections.abc import Sequence

from lorebase.schemas.search import QueryKind, SearchedQuery, SearchMode
from lorebase.services.embeddings.model_languages import vector_weight
from lorebase.services.keywords.keywords import KeywordAnalyser
from lorebase.services.search.fusion import (
    NOTHING,
    FusedCandidate,
    fuse,
    fuse_by_rank,
    keyword_leg,
    vector_leg,
)
from lorebase.services.search.search_legs import Found
from lorebase.services.search.search_run import SearchRun


class SearchFusion:
    """Weighs legs by the profile, or by the language of the query and the models. Stateless."""

    def __init__(self, analyser: KeywordAnalyser) -> None:
        self._analyser = analyser

    def fused(self, found: Sequence[Found], run: SearchRun) -> list[FusedCandidate]:
        """Candidates in order, without those whose similarity is too low or unknown when that was asked."""
        pairs = list(zip(run.queries, found, strict=True))
        lists = [self._legs(legs.query, each, run) for legs, each in pairs]
        weights = [self._list_weight(legs.query, found[0], run) for legs, _ in pairs]
        candidates = lists[0] if len(lists) == 1 else fuse_by_rank(lists, weights)
        least = run.request.min_score
        return [entry for entry in candidates if least is None or (entry.vector_score or -1.0) >= least]

    def _legs(self, query: SearchedQuery, found: Found, run: SearchRun) -> list[FusedCandidate]:
        vector = vector_leg(found.vector) if found.vector else NOTHING
        keyword = keyword_leg(*found.keyword) if found.keyword else NOTHING
        alone = query.kind is QueryKind.HYPOTHETICAL
        return fuse(vector, keyword, 1.0 if alone else self._vector_weight(query.text, found, run))

    def _list_weight(self, query: SearchedQuery, original: Found, run: SearchRun) -> float:
        """A whole query weighs 1, a passage that was made up what the vector leg of the original weighs."""
        if query.kind is not QueryKind.HYPOTHETICAL:
            return 1.0
        return self._vector_weight(run.request.query, original, run)

    def _vector_weight(self, text: str, found: Found, run: SearchRun) -> float:
        mode = run.request.mode
        if mode is not SearchMode.HYBRID:
            return 1.0 if mode is SearchMode.VECTOR else 0.0
        if found.keyword is None:
            return 1.0
        if run.profile.vector_weight is not None:
            return run.profile.vector_weight
        language = self._analyser.detect_language(text)
        models = (source.model for source in run.plan.sources)
        return vector_weight(models, language, text)
