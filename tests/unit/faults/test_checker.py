"""The checker finds every kind of broken promise in histories made by hand, and none where all were kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.checker import ABSENT, check, expectations
from tests.faults.final_state import SEARCH_MODES, FinalDocument, FinalState, VectorRow
from tests.faults.history import Kind, Operation, Outcome, Sighting

ACKNOWLEDGED, REFUSED, UNKNOWN = Outcome.ACKNOWLEDGED, Outcome.REFUSED, Outcome.UNKNOWN


def operation(kind: Kind, at: float, outcome: Outcome = ACKNOWLEDGED, **facts: object) -> Operation:
    """One that took a tenth of a second, about the document `a.md` unless said otherwise."""
    known = {"name": "a.md", "document_id": "document-a", **facts}
    return Operation(kind, outcome, at, at + 0.1, **known)  # type: ignore[arg-type]


def upload(mark: str, at: float, outcome: Outcome = ACKNOWLEDGED, **facts: object) -> Operation:
    return operation(Kind.UPLOAD, at, outcome, mark=mark, **facts)


def delete(at: float, outcome: Outcome = ACKNOWLEDGED, **facts: object) -> Operation:
    return operation(Kind.DELETE, at, outcome, **facts)


def saw(at: float, *marks: str, kind: Kind = Kind.SEARCH, **facts: object) -> Operation:
    """A read that shows `a.md` with these marks in one passage each."""
    shown = tuple(Sighting("a.md", "document-a", (mark,), f"passage {mark}") for mark in marks)
    return operation(kind, at, **{"seen": shown, **facts})


def document(mark: str, **facts: object) -> FinalDocument:
    whole = FinalDocument("a.md", "document-a", "READY", mark, True, (), SEARCH_MODES)
    return replace(whole, **facts)  # type: ignore[arg-type]


def state(*documents: FinalDocument, **facts: object) -> FinalState:
    return FinalState(documents=documents, **facts)  # type: ignore[arg-type]


def counts(operations: list[Operation], final: FinalState) -> dict[str, int]:
    """The broken promises by kind; those of which there are none are left out."""
    found = check(operations, final)
    assert found.all_kept == (not any(found.by_kind.values()))
    return {kind: len(cases) for kind, cases in found.by_kind.items() if cases}


def test_a_run_that_kept_every_promise_has_no_findings() -> None:
    vectors = (VectorRow("c1", "document-a", 2, 0), VectorRow("c2", "document-a", 2, 1))
    operations = [
        upload("one", 1),
        operation(Kind.LIVE, 2, mark="one"),
        saw(3, "one", wanted=True),
        upload("two", 4),
        saw(5, "one"),
        operation(Kind.LIVE, 6, mark="two"),
        saw(7, "two", wanted=True),
        operation(Kind.UPDATE, 8, tags=("red",)),
        operation(Kind.FOLLOW, 8),
    ]
    final = state(document("two", tags=("red",)), vectors=vectors, live_chunks=frozenset({"c1", "c2"}))
    assert counts(operations, final) == {}
    line = check(operations, final).last_line(rounds=7)
    assert line == (
        "rounds=7 accepted=2 lost=0 wrong=0 deleted_visible=0 orphaned=0 duplicated=0 unfinished=0"
    )


def test_an_accepted_document_that_is_gone_is_lost() -> None:
    assert counts([upload("one", 1)], state()) == {"lost": 1}


def test_a_document_that_was_refused_or_perhaps_never_taken_in_is_not_missed() -> None:
    assert counts([upload("one", 1, REFUSED)], state()) == {}
    assert counts([upload("one", 1, UNKNOWN)], state()) == {}
    assert counts([upload("one", 1, UNKNOWN)], state(document("one"))) == {}


@pytest.mark.parametrize("status", ["FAILED", "PROCESSING", "QUARANTINED"])
def test_a_document_that_never_became_ready_is_lost(status: str) -> None:
    assert counts([upload("one", 1)], state(document("one", status=status))) == {"lost": 1}


@pytest.mark.parametrize("mode", sorted(SEARCH_MODES))
def test_a_document_that_one_kind_of_search_misses_is_lost(mode: str) -> None:
    assert counts([upload("one", 1)], state(document("one", found_by=SEARCH_MODES - {mode}))) == {"lost": 1}


def test_a_passage_without_its_vector_is_lost() -> None:
    final = state(document("one"), live_chunks=frozenset({"c1"}))
    assert counts([upload("one", 1)], final) == {"lost": 1}


def test_an_older_version_at_the_end_is_wrong() -> None:
    assert counts([upload("one", 1), upload("two", 2)], state(document("one"))) == {"wrong": 1}


def test_a_version_of_unknown_fate_may_be_there_or_not() -> None:
    operations = [upload("one", 1), upload("two", 2, UNKNOWN)]
    assert counts(operations, state(document("one"))) == {}
    assert counts(operations, state(document("two"))) == {}


def test_a_text_that_is_not_the_one_sent_is_wrong() -> None:
    assert counts([upload("one", 1)], state(document("one", text_is_whole=False))) == {"wrong": 1}


def test_tags_that_were_never_set_or_were_replaced_are_wrong() -> None:
    operations = [upload("one", 1), operation(Kind.UPDATE, 2, tags=("red",))]
    assert counts(operations, state(document("one", tags=("red",)))) == {}
    assert counts(operations, state(document("one"))) == {"wrong": 1}
    anew = [*operations, delete(3), upload("two", 4)]
    assert counts(anew, state(document("two", tags=("red",)))) == {"wrong": 1}


def test_a_document_that_nobody_uploaded_is_wrong() -> None:
    assert counts([], state(document("one"))) == {"wrong": 1}


@pytest.mark.parametrize("kind", [Kind.SEARCH, Kind.SHOW, Kind.ASK])
def test_a_deleted_document_in_any_later_response_is_visible(kind: Kind) -> None:
    operations = [upload("one", 1), delete(2), saw(3, "one", kind=kind)]
    assert counts(operations, state()) == {"deleted_visible": 1}


def test_a_read_that_began_before_the_deletion_was_answered_may_show_it() -> None:
    assert counts([upload("one", 1), delete(2), saw(2.05, "one")], state()) == {}


def test_a_deletion_of_unknown_fate_may_show_or_hide() -> None:
    operations = [upload("one", 1), delete(2, UNKNOWN), saw(3, "one")]
    assert counts(operations, state()) == {}
    assert counts(operations, state(document("one"))) == {}


def test_a_deleted_document_that_is_there_at_the_end_is_visible() -> None:
    assert counts([upload("one", 1), delete(2)], state(document("one"))) == {"deleted_visible": 1}


def test_a_name_may_be_used_again_after_its_document_was_deleted() -> None:
    second = {"document_id": "document-b"}
    operations = [upload("one", 1), delete(2), upload("two", 3, **second)]
    assert counts(operations, state(document("two", **second))) == {}


def test_a_passage_of_another_document_is_wrong() -> None:
    operations = [upload("one", 1), upload("two", 2, name="b.md", document_id="document-b"), saw(3, "two")]
    final = state(document("one"), document("two", name="b.md", document_id="document-b"))
    assert counts(operations, final) == {"wrong": 1}


def test_an_older_version_shown_after_a_newer_was_live_is_wrong() -> None:
    operations = [upload("one", 1), upload("two", 2), operation(Kind.LIVE, 3, mark="two"), saw(4, "one")]
    assert counts(operations, state(document("two"))) == {"wrong": 1}


def test_a_search_that_misses_a_live_document_is_wrong_unless_it_failed() -> None:
    missed = operation(Kind.SEARCH, 3, wanted=True)
    final = state(document("one"))
    assert counts([upload("one", 1), missed], final) == {"wrong": 1}
    assert counts([upload("one", 1), replace(missed, outcome=UNKNOWN, wanted=False)], final) == {}


def test_a_failed_read_says_nothing() -> None:
    failed = replace(saw(3, wanted=True), outcome=UNKNOWN)
    broken = check([upload("one", 1), failed], state(document("one")))
    assert broken.by_kind["wrong"] == []


def test_a_passage_twice_on_a_page_is_doubled() -> None:
    assert counts([upload("one", 1), saw(3, "one", "one")], state(document("one"))) == {"duplicated": 1}


def test_two_documents_of_one_name_are_doubled() -> None:
    final = state(document("one"), document("one", document_id="document-b"))
    assert counts([upload("one", 1)], final) == {"duplicated": 1}


def test_two_vectors_of_one_place_are_doubled_and_the_unknown_one_is_an_orphan() -> None:
    rows = (VectorRow("c1", "document-a", 1, 0), VectorRow("c9", "document-a", 1, 0))
    final = state(document("one"), vectors=rows, live_chunks=frozenset({"c1"}))
    assert counts([upload("one", 1)], final) == {"duplicated": 1, "orphaned": 1}


def test_a_vector_that_is_stored_twice_is_doubled() -> None:
    rows = (VectorRow("c1", "document-a", 1, 0),) * 2
    final = state(document("one"), vectors=rows, live_chunks=frozenset({"c1"}))
    assert counts([upload("one", 1)], final) == {"duplicated": 2}


def test_what_is_left_of_deleted_documents_is_orphaned() -> None:
    assert counts([], state(leftovers=("chunk x",))) == {"orphaned": 1}


def test_a_file_that_a_cut_off_upload_left_breaks_no_promise() -> None:
    assert counts([], state(stray_files=("a/b",))) == {}


def test_whatever_has_not_ended_is_unfinished() -> None:
    followed = operation(Kind.FOLLOW, 2, UNKNOWN)
    assert counts([followed], state(unfinished=("INGEST 1 is RUNNING",))) == {"unfinished": 2}


def test_a_stream_that_repeated_events_is_wrong() -> None:
    assert counts([operation(Kind.FOLLOW, 2, note="JobStarted 3 after 4")], state()) == {"wrong": 1}


CHANGES = st.lists(
    st.tuples(
        st.sampled_from([Kind.UPLOAD, Kind.DELETE]),
        st.sampled_from(Outcome),
        st.sampled_from(["m", "n", "o"]),
    ),
    max_size=8,
)


@given(CHANGES)
def test_what_may_be_there_is_what_some_choice_of_the_unknown_changes_leaves(
    changes: list[tuple[Kind, Outcome, str]],
) -> None:
    operations = [operation(kind, at, outcome, mark=mark) for at, (kind, outcome, mark) in enumerate(changes)]
    possible = {ABSENT}
    for kind, outcome, mark in changes:
        after = {mark if kind is Kind.UPLOAD else ABSENT}
        if outcome is UNKNOWN:
            possible = possible | after
        elif outcome is ACKNOWLEDGED:
            possible = after
    assert expectations(operations)["a.md"].marks == possible
