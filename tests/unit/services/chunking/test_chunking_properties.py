"""What holds for the passages of any text at all."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.core.media_types import MediaType
from lorebase.schemas.parsing import ChunkDraft, ChunkingRules, HeadingSpan, PageSpan, ParsedDocument
from lorebase.services.chunking.chunking import chunk
from tests.fakes.tokenizer import FakeTokenizer

PIECES = [
    "word",
    " ",
    "\n",
    "\n\n",
    ". ",
    "Sentence. ",
    "e.g. ",
    "# Heading\n",
    "```\n",
    "- item\n",
    "漢字。",
    "e\u0301",
    "\u200d",
    "\u200b",
    "\U0001f468\u200d\U0001f469",
    "\U0001f1e9\U0001f1ea",
    "x" * 130,
    "antidisestablishmentarianism",
    "\t",
    "\r\n",
    "\x00",
    "\u2028",
    "    indented\n",
    "a: b; c: d\n",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=120).map("".join),
    st.text(max_size=400),
)


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    text = draw(TEXTS)
    places = st.integers(0, max(0, len(text)))
    headings = [
        HeadingSpan(start=start, end=start + length, level=level, title=f"{level}-{start}")
        for start, length, level in draw(
            st.lists(st.tuples(places, st.integers(0, 30), st.integers(1, 6)), max_size=8)
        )
    ]
    starts = sorted(draw(st.lists(places, max_size=4)))
    pages = [PageSpan(start=start, number=number) for number, start in enumerate(starts, start=1)]
    return ParsedDocument(
        text=text, media_type=draw(st.sampled_from(MediaType)), headings=tuple(headings), pages=tuple(pages)
    )


RULES = st.builds(
    ChunkingRules, max_tokens=st.sampled_from([8, 9, 16, 40, 64]), overlap_tokens=st.integers(0, 40)
)


def chunks_of(document: ParsedDocument, rules: ChunkingRules) -> list[ChunkDraft]:
    return chunk(document, rules, FakeTokenizer())


@settings(max_examples=150, deadline=None)
@given(documents(), RULES)
def test_every_chunk_is_exactly_its_slice_of_the_text(document: ParsedDocument, rules: ChunkingRules) -> None:
    for part in chunks_of(document, rules):
        assert document.text[part.start_offset : part.end_offset] == part.text
        assert part.text.strip() == part.text != ""


@settings(max_examples=150, deadline=None)
@given(documents(), RULES)
def test_every_visible_character_is_in_a_chunk(document: ParsedDocument, rules: ChunkingRules) -> None:
    covered: set[int] = set()
    for part in chunks_of(document, rules):
        covered.update(range(part.start_offset, part.end_offset))
    missed = [
        place for place, letter in enumerate(document.text) if not letter.isspace() and place not in covered
    ]
    assert missed == []


@settings(max_examples=150, deadline=None)
@given(documents(), RULES)
def test_no_chunk_is_larger_than_the_rules_allow(document: ParsedDocument, rules: ChunkingRules) -> None:
    tokenizer = FakeTokenizer()
    for part in chunks_of(document, rules):
        assert part.token_count == tokenizer.count(part.text)
        assert part.token_count <= rules.max_tokens
        assert len(part.text) <= rules.max_tokens * 8


@settings(max_examples=100, deadline=None)
@given(documents(), RULES)
def test_chunks_are_numbered_and_their_starts_and_ends_ascend(
    document: ParsedDocument, rules: ChunkingRules
) -> None:
    chunks = chunks_of(document, rules)
    assert [part.ordinal for part in chunks] == list(range(len(chunks)))
    for before, after in itertools.pairwise(chunks):
        assert before.start_offset < after.start_offset
        assert before.end_offset < after.end_offset


@settings(max_examples=100, deadline=None)
@given(documents(), RULES)
def test_neighbours_share_no_more_than_asked_for(document: ParsedDocument, rules: ChunkingRules) -> None:
    chunks = chunks_of(document, rules)
    tokenizer = FakeTokenizer()
    for before, after in itertools.pairwise(chunks):
        shared = document.text[after.start_offset : max(after.start_offset, before.end_offset)]
        assert tokenizer.count(shared) <= rules.overlap_tokens + 1


@settings(max_examples=80, deadline=None)
@given(documents(), RULES)
def test_the_same_document_is_always_cut_the_same_way(document: ParsedDocument, rules: ChunkingRules) -> None:
    assert chunks_of(document, rules) == chunks_of(document, rules)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=30), st.sampled_from([40, 64]))
def test_chunks_of_ordinary_prose_end_where_sentences_end(lengths: list[int], max_tokens: int) -> None:
    text = " ".join("Word" + " word" * (length - 1) + "." for length in lengths)
    document = ParsedDocument(text=text, media_type=MediaType.TEXT)
    for part in chunks_of(document, ChunkingRules(max_tokens=max_tokens, overlap_tokens=8)):
        assert part.text.startswith("Word")
        assert part.text.endswith(".")
