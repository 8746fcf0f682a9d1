"""What counts as a disagreement between PostgreSQL and the vector store, decided without asking either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.reconciliation import TOMBSTONES, DriftKind, IndexPlace, StoredDocument
from lorebase.services.jobs.job_subjects import UNFINISHED

_NEEDS_A_JOB = UNFINISHED | {DocumentStatus.DELETING}

Fault = tuple[DriftKind, int | None, int]


def is_stuck(document: StoredDocument) -> bool:
    """Whether a job ought to be at work on it and none is."""
    return document.status in _NEEDS_A_JOB and not document.busy


def faults_of(
    document: StoredDocument | None, places: Sequence[IndexPlace], vectors: Mapping[int, int]
) -> list[Fault]:
    """Kind, generation and number of vectors at fault, in one collection that holds `vectors` by generation.

    `places` are the indexes of the document's knowledge base in that collection. A document about which a job
    is open has no faults: what looks like one is being written or removed.
    """
    faults: list[Fault] = []
    for generation, count in sorted(vectors.items()):
        kind = orphan_kind(document, generation, kept=bool(places)) if count else None
        if kind is not None:
            faults.append((kind, generation, count))
    if document is not None and (fault := _loss(document, places, vectors)) is not None:
        faults.append(fault)
    return faults


def orphan_kind(document: StoredDocument | None, generation: int, *, kept: bool) -> DriftKind | None:
    """Why vectors of this generation belong to nothing; None when they do or when a job may be at them."""
    if document is None:
        return DriftKind.ORPHANS_OF_UNKNOWN
    if document.status is DocumentStatus.DELETED:
        return DriftKind.ORPHANS_OF_DELETED
    if document.busy or document.status in _NEEDS_A_JOB:
        return None
    if not kept:
        return DriftKind.ORPHANS_OF_UNKNOWN
    return _orphan_by_age(document.live_generation, generation)


def _orphan_by_age(live: int | None, generation: int) -> DriftKind | None:
    if generation == live:
        return None
    older = live is not None and generation < live
    return DriftKind.ORPHANS_OF_OLD_GENERATIONS if older else DriftKind.ORPHANS_OF_UNFINISHED


def _loss(document: StoredDocument, places: Sequence[IndexPlace], vectors: Mapping[int, int]) -> Fault | None:
    live = document.live_generation
    if live is None or document.busy or document.status in TOMBSTONES:
        return None
    # An index that is only being filled owes what it was recorded to hold, the active one everything.
    owing = [place for place in places if place.active or place.index_id in document.held]
    if not owing:
        return None
    found, expected = vectors.get(live, 0), document.chunk_count
    if found < expected:
        return DriftKind.MISSING_VECTORS, live, expected - found
    if found > expected:
        return DriftKind.SURPLUS_VECTORS, live, found - expected
    if not all(_is_as_recorded(document, place) for place in owing):
        return DriftKind.WRONG_COUNTS, live, 0
    return None


def _is_as_recorded(document: StoredDocument, place: IndexPlace) -> bool:
    held, live = document.held.get(place.index_id), document.live_generation
    if held is None or (held.generation, held.chunk_count) != (live, document.chunk_count):
        return False
    postings = document.postings.get(place.analyser_version, 0)
    return postings > 0 if held.posting_count is None else postings == held.posting_count
