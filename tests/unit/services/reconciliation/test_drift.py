"""What counts as a disagreement: general rules, over all states a document can be in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.documents import DocumentStatus
from lorebase.schemas.reconciliation import TOMBSTONES, DriftKind, Held, IndexPlace, StoredDocument
from lorebase.services.reconciliation.drift import faults_of, is_stuck

PLACE = IndexPlace(index_id=new_id(), knowledge_base_id=new_id(), collection="c", active=True)
GENERATIONS = st.integers(1, 5)
VECTORS = st.dictionaries(GENERATIONS, st.integers(0, 4))
ORPHANS = {
    DriftKind.ORPHANS_OF_DELETED,
    DriftKind.ORPHANS_OF_OLD_GENERATIONS,
    DriftKind.ORPHANS_OF_UNFINISHED,
    DriftKind.ORPHANS_OF_UNKNOWN,
}


@st.composite
def stored(draw: st.DrawFn) -> StoredDocument:
    status = draw(st.sampled_from(DocumentStatus))
    generation = draw(GENERATIONS)
    live: int | None = draw(st.one_of(st.none(), st.integers(1, generation)))
    if status is DocumentStatus.READY:
        live = generation
    if status in TOMBSTONES:
        live = None
    count = draw(st.integers(1, 4)) if live is not None else 0
    words = draw(st.one_of(st.none(), st.integers(0, 2)))
    recorded = Held(generation=live or 1, chunk_count=count, posting_count=words)
    return StoredDocument(
        id=new_id(),
        knowledge_base_id=PLACE.knowledge_base_id,
        status=status,
        generation=generation,
        live_generation=live,
        chunk_count=count,
        busy=draw(st.booleans()),
        held=draw(st.sampled_from([{}, {PLACE.index_id: recorded}])),
        postings=draw(st.sampled_from([{}, {PLACE.analyser_version: draw(st.integers(0, 2))}])),
    )


@given(stored(), VECTORS)
def test_vectors_of_the_live_generation_are_never_orphans(
    document: StoredDocument, vectors: dict[int, int]
) -> None:
    orphans = {generation for kind, generation, _ in faults_of(document, [PLACE], vectors) if kind in ORPHANS}
    assert document.live_generation not in orphans


@given(stored(), VECTORS)
def test_what_a_job_may_be_changing_is_let_alone(document: StoredDocument, vectors: dict[int, int]) -> None:
    busy = document.model_copy(update={"busy": True})
    kinds = {kind for kind, _, _ in faults_of(busy, [PLACE], vectors)}
    assert kinds <= {DriftKind.ORPHANS_OF_DELETED}
    assert not is_stuck(busy)


@given(stored(), VECTORS)
def test_at_rest_every_vector_but_the_live_ones_is_an_orphan(
    document: StoredDocument, vectors: dict[int, int]
) -> None:
    idle = document.model_copy(update={"busy": False})
    if is_stuck(idle):
        return
    faults = faults_of(idle, [PLACE], vectors)
    orphans = {generation: count for kind, generation, count in faults if kind in ORPHANS}
    assert orphans == {g: count for g, count in vectors.items() if count and g != idle.live_generation}


@given(stored(), VECTORS)
def test_a_searchable_document_at_rest_is_whole_or_at_fault(
    document: StoredDocument, vectors: dict[int, int]
) -> None:
    idle = document.model_copy(update={"busy": False})
    live = idle.live_generation
    lost = {kind for kind, _, _ in faults_of(idle, [PLACE], vectors)} - ORPHANS
    if live is None:
        assert lost == set()
        return
    held, words = idle.held.get(PLACE.index_id), idle.postings.get(PLACE.analyser_version, 0)
    whole = vectors.get(live, 0) == idle.chunk_count and held is not None
    assert (lost == set()) == (whole and has_its_words(held, words))


def has_its_words(held: Held | None, words: int) -> bool:
    """Where they were never counted, any will do."""
    recorded = held.posting_count if held is not None else None
    return words == recorded if recorded is not None else words > 0


@given(stored(), st.integers(0, 3))
def test_words_of_another_analyser_never_stand_in_for_those_that_are_lost(
    document: StoredDocument, others: int
) -> None:
    vectors = {document.generation: document.chunk_count}
    beside = {**document.postings, PLACE.analyser_version + 1: others}
    with_others = document.model_copy(update={"postings": beside})
    assert faults_of(with_others, [PLACE], vectors) == faults_of(document, [PLACE], vectors)


@given(VECTORS)
def test_all_vectors_of_an_unknown_document_are_orphans(vectors: dict[int, int]) -> None:
    faults = faults_of(None, [], vectors)
    assert {generation for _, generation, _ in faults} == {g for g, count in vectors.items() if count}
    assert {kind for kind, _, _ in faults} <= {DriftKind.ORPHANS_OF_UNKNOWN}


@given(stored())
def test_a_document_is_stuck_when_it_waits_for_a_job_that_is_not_there(document: StoredDocument) -> None:
    waits = document.status in {DocumentStatus.ACCEPTED, DocumentStatus.PROCESSING, DocumentStatus.DELETING}
    assert is_stuck(document) == (waits and not document.busy)
