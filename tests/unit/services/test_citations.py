"""Claims, quotes and support."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.documents import Chunk
from lorebase.services.citations import LONGEST_QUOTE, best_quote, claims_of, find_evidence

TASKS = (
    "Tasks are used to schedule coroutines concurrently. To cancel a running Task use the\n"
    "cancel() method. Calling it will cause the Task to throw a CancelledError exception."
)
FUTURES = "A Future represents an eventual result. It is not thread-safe."


def a_chunk(text: str, start: int = 0) -> Chunk:
    return Chunk(
        id=new_id(),
        workspace_id=new_id(),
        document_id=new_id(),
        version_id=new_id(),
        ordinal=0,
        start_offset=start,
        end_offset=start + len(text),
        page=None,
        section=(),
        token_count=1,
        text=text,
    )


def test_a_sentence_quoted_over_a_line_break_is_found_where_it_stands() -> None:
    chunk = a_chunk(TASKS, start=100)
    answer = "To cancel a running Task use the cancel() method. [1]"
    evidence = find_evidence(answer, [chunk])
    (citation,) = evidence.citations
    assert citation.quote == "To cancel a running Task use the\ncancel() method."
    start, end = citation.document_range.start - 100, citation.document_range.end - 100
    assert TASKS[start:end] == citation.quote
    assert answer[citation.range.start : citation.range.end] == answer
    assert evidence.support == 1.0


def test_a_paraphrase_gets_the_sentence_that_shares_most_words() -> None:
    answer = "Cancelling makes the Task throw CancelledError [1]."
    (citation,) = find_evidence(answer, [a_chunk(TASKS)]).citations
    assert citation.quote == "Calling it will cause the Task to throw a CancelledError exception."


def test_each_number_is_cited_once_and_in_order() -> None:
    answer = (
        "A Future represents an eventual result. [1] To cancel a running Task use the cancel() method. [2]"
    )
    evidence = find_evidence(answer, [a_chunk(FUTURES), a_chunk(TASKS)])
    assert [citation.index for citation in evidence.citations] == [1, 2]
    assert [sentence.citation_indexes for sentence in evidence.sentences] == [(1,), (2,)]


def test_two_claims_of_one_passage_share_a_quote_that_holds_both() -> None:
    answer = "A Future represents an eventual result. [1]\nIt is not thread-safe. [1]"
    (citation,) = find_evidence(answer, [a_chunk(FUTURES)]).citations
    assert citation.quote == FUTURES


def test_a_quote_never_grows_too_long_to_check() -> None:
    passage = f"First it begins. {'Filler words go here. ' * 60}Last it ends."
    answer = "First it begins. [1] Last it ends. [1]"
    (citation,) = find_evidence(answer, [a_chunk(passage)]).citations
    assert citation.quote == "First it begins."
    assert len(citation.quote) <= LONGEST_QUOTE


def test_a_sentence_without_a_citation_has_no_support() -> None:
    evidence = find_evidence("It is not thread-safe. [1] Everybody knows that.", [a_chunk(FUTURES)])
    assert [sentence.support for sentence in evidence.sentences] == [1.0, 0.0]
    assert evidence.support == 0.5


def test_a_claim_that_its_passage_does_not_bear_out_has_little_support() -> None:
    evidence = find_evidence("Bananas grow on Mars quickly [1].", [a_chunk(FUTURES)])
    assert evidence.support < 0.2


def test_markers_belong_to_the_sentence_before_them() -> None:
    text = "First claim [1]. Second claim. [2][3] Third.\n- Fourth [1]"
    claims = claims_of(text)
    assert [claim.indexes for claim in claims] == [(1,), (2, 3), (), (1,)]
    assert [text[c.range.start : c.range.end] for c in claims][1] == "Second claim. [2][3]"
    assert claims[3].words == "Fourth"


def test_an_answer_of_markers_alone_claims_nothing() -> None:
    assert claims_of("[1][2]") == []
    assert find_evidence("", []).support == 0.0


WORDS = st.sampled_from(
    ["alpha", "Beta.", "gamma!", "\n", "\n\n", "delta", "[1]", "[2]", "。", "(", "*", "e.g.", "7"]
)
TEXTS = st.lists(WORDS, max_size=40).map(" ".join)


@given(TEXTS, st.text(min_size=1, max_size=200), TEXTS.filter(str.strip))
def test_every_quote_stands_where_its_range_says(answer: str, first: str, second: str) -> None:
    chunks = [a_chunk(first, start=7), a_chunk(second, start=1000)]
    evidence = find_evidence(answer, chunks)
    for citation in evidence.citations:
        chunk = chunks[citation.index - 1]
        start = citation.document_range.start - chunk.start_offset
        assert chunk.text[start : citation.document_range.end - chunk.start_offset] == citation.quote
        assert 0 <= citation.range.start < citation.range.end <= len(answer)
    assert all(0 <= sentence.support <= 1 for sentence in evidence.sentences)
    ends = [sentence.range.end for sentence in evidence.sentences]
    starts = [sentence.range.start for sentence in evidence.sentences]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


@given(TEXTS, st.text(max_size=300))
def test_some_words_of_the_passage_are_always_quoted(claim: str, passage: str) -> None:
    quote = best_quote(claim, passage)
    assert 0 <= quote.start <= quote.end <= len(passage)
    assert not passage.strip() or passage[quote.start : quote.end].strip()
