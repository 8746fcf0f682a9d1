"""How documents are cut into passages, by example."""

from __future__ import annotations

import itertools

import pytest

from lorebase.core.media_types import MediaType
from lorebase.schemas.parsing import ChunkDraft, ChunkingRules, HeadingSpan, PageSpan, ParsedDocument
from lorebase.services.chunking.chunking import chunk
from tests.fakes.tokenizer import FakeTokenizer


def markdown(text: str) -> ParsedDocument:
    headings = []
    start = 0
    for line in text.split("\n"):
        level = len(line) - len(line.lstrip("#"))
        if 0 < level <= 6:
            headings.append(
                HeadingSpan(start=start, end=start + len(line), level=level, title=line.lstrip("# "))
            )
        start += len(line) + 1
    return ParsedDocument(text=text, media_type=MediaType.MARKDOWN, headings=tuple(headings))


def plain(text: str, **parts: object) -> ParsedDocument:
    return ParsedDocument.model_validate({"text": text, "media_type": MediaType.TEXT, **parts})


def cut(document: ParsedDocument, max_tokens: int = 40, overlap_tokens: int = 0) -> list[ChunkDraft]:
    rules = ChunkingRules(max_tokens=max_tokens, overlap_tokens=overlap_tokens)
    return chunk(document, rules, FakeTokenizer())


def words(count: int, word: str = "word") -> str:
    return " ".join([word] * count)


def test_a_short_document_is_one_chunk() -> None:
    chunks = cut(plain("  One sentence.\n\nAnother one.\n"))
    assert [(part.text, part.start_offset, part.end_offset) for part in chunks] == [
        ("One sentence.\n\nAnother one.", 2, 29)
    ]
    assert (chunks[0].ordinal, chunks[0].token_count, chunks[0].page, chunks[0].section) == (0, 8, None, ())


@pytest.mark.parametrize("text", ["", " ", "\n\n\t \u3000\n"])
def test_a_blank_document_has_no_chunks(text: str) -> None:
    assert cut(plain(text)) == []


def test_each_section_of_some_size_is_its_own_chunk_and_begins_with_its_heading() -> None:
    chunks = cut(markdown(f"# Guide\n{words(15)}\n## Set up\n{words(15)}\n## Use\n{words(15)}"))
    assert [part.text.split("\n")[0] for part in chunks] == ["# Guide", "## Set up", "## Use"]
    assert [part.section for part in chunks] == [("Guide",), ("Guide", "Set up"), ("Guide", "Use")]


def test_a_heading_without_text_joins_the_section_below_it() -> None:
    chunks = cut(markdown(f"# Guide\n\n## Set up\n{words(20)}"))
    assert [part.section for part in chunks] == [("Guide", "Set up")]
    assert chunks[0].text.startswith("# Guide\n\n## Set up")


def test_tiny_sections_side_by_side_share_a_chunk_under_their_common_heading() -> None:
    text = "# Terms\n## Ant\nan insect\n## Bee\nanother\n## Cat\n" + words(42)
    chunks = cut(markdown(text), max_tokens=160)
    assert [part.section for part in chunks] == [("Terms",)]


def test_a_tiny_section_before_a_higher_heading_joins_what_came_before() -> None:
    chunks = cut(markdown(f"# One\n{words(15)}\n## Note\nsee two\n# Two\n{words(15)}"))
    assert [part.text.split("\n")[0] for part in chunks] == ["# One", "# Two"]
    assert chunks[0].text.endswith("see two")
    assert chunks[0].section == ("One",)


def test_a_tiny_section_that_fits_nowhere_stays_alone() -> None:
    chunks = cut(markdown(f"# One\n{words(38)}\n## Note\nsee two\n# Two\n{words(15)}"))
    assert [part.text.split("\n")[0] for part in chunks] == ["# One", "## Note", "# Two"]


def test_headings_below_level_three_may_share_a_chunk() -> None:
    chunks = cut(markdown(f"# Api\n#### get\n{words(12)}\n#### put\n{words(12)}"))
    assert len(chunks) == 1
    assert chunks[0].section == ("Api",)


def test_a_long_section_is_cut_between_paragraphs() -> None:
    paragraphs = [words(14, "alpha"), words(16, "beta"), words(21, "gamma")]
    chunks = cut(plain("\n\n".join(paragraphs)))
    assert [part.text for part in chunks] == ["\n\n".join(paragraphs[:2]), paragraphs[2]]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentences = [f"Number {index} says {words(8)}." for index in range(6)]
    chunks = cut(plain(" ".join(sentences)))
    assert "".join(part.text.replace(" ", "") for part in chunks) == "".join(sentences).replace(" ", "")
    assert all(part.text.startswith("Number") and part.text.endswith(".") for part in chunks)


def test_neighbours_in_a_section_share_whole_sentences() -> None:
    sentences = [f"Number {index} says {words(8)}." for index in range(9)]
    chunks = cut(plain(" ".join(sentences)), max_tokens=60, overlap_tokens=15)
    assert len(chunks) > 1
    for before, after in itertools.pairwise(chunks):
        shared = plain_text_between(after.start_offset, before.end_offset, " ".join(sentences))
        assert shared in sentences


def plain_text_between(start: int, end: int, text: str) -> str:
    return text[start:end].strip()


def test_nothing_is_shared_across_a_heading() -> None:
    chunks = cut(markdown(f"# A\n{words(20)}. End.\n# B\n{words(20)}."), overlap_tokens=10)
    assert [part.text.split("\n")[0] for part in chunks] == ["# A", "# B"]


def test_rows_are_whole_and_shared_by_no_two_chunks() -> None:
    rows = [f"name: person {index}; city: town {index}" for index in range(20)]
    document = ParsedDocument(text="\n".join(rows), media_type=MediaType.CSV)
    chunks = cut(document, overlap_tokens=16)
    assert [row for part in chunks for row in part.text.split("\n")] == rows


def test_no_scrap_is_left_over_at_the_end() -> None:
    chunks = cut(plain(" ".join(f"This is sentence {index}." for index in range(9))))
    assert len(chunks) == 2
    assert min(part.token_count for part in chunks) >= 15


def test_words_that_announce_something_stay_with_it() -> None:
    chunks = cut(plain(f"{words(25, 'before')}\n\nNote\n\n{words(25, 'after')}"))
    assert [part.text.split()[0] for part in chunks] == ["before", "Note"]


def test_code_between_fences_is_not_torn_at_its_blank_lines_if_prose_can_be_cut() -> None:
    code = "```python\nfirst = 1\n\nsecond = 2\n```"
    text = f"{words(20)}.\n\n{code}\n\n{words(20)}."
    chunks = cut(plain(text), max_tokens=45)
    assert any(code in part.text for part in chunks)


def test_the_page_of_a_chunk_is_where_it_begins() -> None:
    text = f"{words(30, 'one')}\n\n{words(30, 'two')}\n\n{words(30, 'three')}"
    second, third = text.index("two") - 2, text.index("three") - 2
    pages = (
        PageSpan(start=0, number=1),
        PageSpan(start=second, number=2),
        PageSpan(start=third, number=3),
    )
    assert [part.page for part in cut(plain(text, pages=pages))] == [1, 2, 3]


def test_a_word_of_five_million_letters_is_cut_by_characters() -> None:
    tokenizer = FakeTokenizer()
    text = "x" * 5_000_000
    chunks = chunk(plain(text), ChunkingRules(max_tokens=256), tokenizer)
    assert max(len(part.text) for part in chunks) <= 256 * 8
    assert max(part.token_count for part in chunks) <= 256
    assert sum(len(part.text) for part in chunks) == len(text)
    assert tokenizer.characters <= 3 * len(text)


def test_text_without_spaces_is_cut_by_tokens() -> None:
    chunks = cut(plain("漢字" * 500), max_tokens=8)
    assert max(part.token_count for part in chunks) <= 8
    assert "".join(part.text for part in chunks) == "漢字" * 500


def test_chinese_sentences_are_not_torn() -> None:
    sentence = "今天的天气非常好。"
    tokenizer = CharacterTokenizer()
    rules = ChunkingRules(max_tokens=40, overlap_tokens=0)
    chunks = chunk(plain(sentence * 20), rules, tokenizer)
    assert all(part.text.startswith("今") and part.text.endswith("。") for part in chunks)


class CharacterTokenizer(FakeTokenizer):
    def _ends(self, text: str) -> list[int]:
        return list(range(1, len(text) + 1))


def test_a_letter_is_never_parted_from_its_marks() -> None:
    cluster = "e\u0301\u0323"
    chunks = chunk(plain(cluster * 400), ChunkingRules(max_tokens=8), CharacterTokenizer())
    assert all(part.text.startswith("e") for part in chunks)
    assert all(part.token_count <= 8 for part in chunks)


def test_a_flood_of_combining_marks_is_cut_all_the_same() -> None:
    tokenizer = CharacterTokenizer()
    chunks = chunk(plain("a" + "\u0301" * 20_000), ChunkingRules(max_tokens=16), tokenizer)
    assert all(part.token_count <= 16 for part in chunks)
    assert tokenizer.characters <= 3 * 20_001


def test_headings_that_lie_outside_the_text_or_overlap_are_ignored() -> None:
    headings = (
        HeadingSpan(start=0, end=5, level=1, title="First"),
        HeadingSpan(start=3, end=9, level=2, title="Overlaps"),
        HeadingSpan(start=400, end=500, level=1, title="Outside"),
    )
    chunks = cut(plain("First and some words.", headings=headings))
    assert [part.section for part in chunks] == [("First",)]


def test_rules_without_room_for_anything_are_refused() -> None:
    with pytest.raises(ValueError, match="room for 8 tokens"):
        cut(plain("text"), max_tokens=7)


HOSTILE = {
    "full stops": "." * 200_000,
    "full stops apart": ". " * 100_000,
    "exclamations then a letter": "!" * 199_999 + "a",
    "spaces": " " * 199_999 + "a",
    "line feeds": "a" + "\n" * 199_999 + "a",
    "lines of one letter": "a\n" * 100_000,
    "paragraphs of one letter": "a\n\n" * 66_666,
    "open brackets": '.")]' * 50_000,
    "abbreviations": "e.g. " * 40_000,
    "initials": "A. " * 66_666,
    "zero width": "\u200b\n" * 100_000,
    "flags": "\U0001f1e6" * 200_000,
    "joiners": "\u200d" * 200_000,
    "wide stops": "。" * 200_000,
    "fences": "```\n" * 50_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_costs_a_bounded_amount_of_work(name: str) -> None:
    text = HOSTILE[name]
    tokenizer = FakeTokenizer()
    rules = ChunkingRules(max_tokens=256, overlap_tokens=32)
    chunks = chunk(plain(text), rules, tokenizer)
    assert tokenizer.characters <= 4 * len(text)
    assert tokenizer.calls <= 40
    assert len(chunks) <= len(text) / 100
    assert all(part.token_count <= 256 and len(part.text) <= 2048 for part in chunks)
