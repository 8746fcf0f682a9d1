"""Claims, quotes and support."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import TextRange
from lorebase.services.answers import citations
from lorebase.services.answers.answer_text import AnswerText
from lorebase.services.answers.citations import LONGEST_QUOTE, Claim, Evidence, Source

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


def read(text: str, passages: int) -> AnswerText:
    """The answer of a model that numbers its citations in order of first use."""
    said = AnswerText(passages)
    said.feed(text)
    said.end()
    return said


def find_evidence(text: str, cited: list[Chunk]) -> Evidence:
    said = read(text, len(cited))
    assert said.text == text
    return citations.find_evidence(said.text, said.markers, cited)


def claims_of(text: str) -> list[Claim]:
    said = read(text, 9)
    assert said.text == text
    return citations.claims_of(said.text, said.markers)


def best_quote(claim: str, passage: str) -> TextRange:
    return Source(a_chunk(passage)).best_quote(claim)


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


def test_markers_on_a_line_of_their_own_belong_to_the_sentence_above() -> None:
    text = "First claim.\n\n[1][2]\n\nSecond claim."
    claims = claims_of(text)
    assert [claim.indexes for claim in claims] == [(1, 2), ()]
    assert [claim.words for claim in claims] == ["First claim.", "Second claim."]


def test_a_marker_that_begins_a_line_of_words_belongs_to_them() -> None:
    assert [claim.indexes for claim in claims_of("First claim.\n[1] Second claim.")] == [(), (1,)]


def test_a_marker_within_a_sentence_leaves_its_words_whole() -> None:
    (claim,) = claims_of("To cancel a running Task [1] use cancel() [2].")
    assert claim.words == "To cancel a running Task use cancel()."
    assert claim.indexes == (1, 2)


def test_numbers_of_the_passage_itself_are_quoted_and_cite_nothing() -> None:
    paper = "Tasks starve [3]. As shown by Smith [2, 7], they may wait for ever.[12]"
    answer = "As shown by Smith ［2, 7］, they may wait for ever.［12］ [1]"
    evidence = find_evidence(answer, [a_chunk(paper, start=50)])
    (citation,) = evidence.citations
    assert citation.quote == "As shown by Smith [2, 7], they may wait for ever.[12]"
    assert citation.document_range == TextRange(start=50 + paper.index("As"), end=50 + len(paper))
    assert evidence.support == 1.0


def test_a_part_of_a_sentence_with_numbers_of_its_own_is_quoted_as_that_part() -> None:
    paper = "As shown by Smith [2, 7], they may wait for ever, unless somebody wakes them."
    [citation] = find_evidence("As shown by Smith ［2, 7］, they may wait [1]", [a_chunk(paper)]).citations
    assert citation.quote == "As shown by Smith [2, 7], they may wait"


def test_what_was_broken_up_is_still_found_word_for_word() -> None:
    wiki = "See [the manual](https://docs.example) and <b>wait</b>. Then go on."
    said = read("See [the manual](https://docs.example) and <b>wait</b>. [1]", 1)
    (citation,) = citations.find_evidence(said.text, said.markers, [a_chunk(wiki)]).citations
    assert citation.quote == "See [the manual](https://docs.example) and <b>wait</b>."


def test_chinese_claims_find_their_sentence() -> None:
    passage = "任务用于并发调度协程。要取消正在运行的任务，请使用取消方法。它会引发异常。"
    evidence = find_evidence("使用取消方法可以取消任务。[1]", [a_chunk(passage)])
    assert evidence.citations[0].quote == "要取消正在运行的任务，请使用取消方法。"
    assert 0.4 < evidence.support < 1


def test_text_without_full_stops_is_quoted_in_part() -> None:
    rows = "\n".join(f"row {number} | value {number * 7}" for number in range(200))
    (citation,) = find_evidence("Row 150 has the value 1050. [1]", [a_chunk(rows)]).citations
    assert "150" in citation.quote
    assert len(citation.quote) <= LONGEST_QUOTE


def test_an_answer_of_markers_alone_claims_nothing() -> None:
    assert claims_of("[1][2]") == []
    assert find_evidence("", []).support == 0.0


WORDS = st.sampled_from(
    [
        *("alpha", "Beta.", "gamma!", "\n", "\n\n", "delta", "[1]", "[2]", "[2, 1]", "[9]", "。", "(", "*"),
        *("7", "e.g.", "`x[1]`", "```", "`", "［2］", "[a](b)", "<i>"),
    ]
)
TEXTS = st.lists(WORDS, max_size=40).map(" ".join)


@given(TEXTS, st.text(min_size=1, max_size=200), TEXTS.filter(str.strip))
def test_every_quote_stands_where_its_range_says(answer: str, first: str, second: str) -> None:
    chunks = [a_chunk(first, start=7), a_chunk(second, start=1000)]
    said = read(answer, 2)
    cited = [chunks[number - 1] for number in said.cited]
    evidence = citations.find_evidence(said.text, said.markers, cited)
    for citation in evidence.citations:
        chunk = cited[citation.index - 1]
        start = citation.document_range.start - chunk.start_offset
        assert chunk.text[start : citation.document_range.end - chunk.start_offset] == citation.quote
        assert 0 <= citation.range.start < citation.range.end <= len(said.text)
        assert f"[{citation.index}]" in said.text
    assert all(0 <= sentence.support <= 1 for sentence in evidence.sentences)
    ends = [sentence.range.end for sentence in evidence.sentences]
    starts = [sentence.range.start for sentence in evidence.sentences]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))


@given(TEXTS, st.text(max_size=300))
def test_some_words_of_the_passage_are_always_quoted(claim: str, passage: str) -> None:
    quote = best_quote(claim, passage)
    assert 0 <= quote.start <= quote.end <= len(passage)
    assert not passage.strip() or passage[quote.start : quote.end].strip()
