"""Cuts a document into passages: along headings, then paragraphs, then sentences."""

from __future__ import annotations

from collections.abc import Iterator

from lorebase.core.media_types import MediaType
from lorebase.ports.tokenizer import Tokenizer
from lorebase.schemas.parsing import ChunkDraft, ChunkingRules, ParsedDocument
from lorebase.services.chunking.atoms import measure
from lorebase.services.chunking.boundaries import boundaries_of
from lorebase.services.chunking.chunk_fitting import Span, fit
from lorebase.services.chunking.packing import Packer
from lorebase.services.chunking.section_groups import Group, groups_of
from lorebase.services.chunking.sections import BARRIER_LEVEL, SectionIndex, sections_of, usable_headings

CHARACTERS_PER_TOKEN = 8
_LINES_ARE_UNITS = frozenset((MediaType.CSV, MediaType.JSON, MediaType.HTML, MediaType.DOCX))
_ROWS = frozenset((MediaType.CSV, MediaType.JSON))


def chunk(document: ParsedDocument, rules: ChunkingRules, tokenizer: Tokenizer) -> list[ChunkDraft]:
    """The passages of a document, in order, in time linear in its length.

    Each is `text[start_offset:end_offset]` without white space at its ends and never blank. Together they
    hold every other character; starts ascend. None has more than `max_tokens` tokens by `tokenizer`, nor more
    than 8 characters for each of these (one "word" of a megabyte is a single unknown token). A passage stays
    below one heading of level 1 to 3, unless a section has fewer than 40 tokens. Neighbours in a section
    share up to `overlap_tokens` in whole sentences; rows of tables are not shared.

    Raises ValueError if `max_tokens` is below 8.
    """
    if rules.max_tokens < 8:
        raise ValueError("A chunk needs room for 8 tokens at least.")
    text = document.text
    max_characters = rules.max_tokens * CHARACTERS_PER_TOKEN
    headings = usable_headings(document.headings, len(text))
    lines_are_units = document.media_type in _LINES_ARE_UNITS
    boundaries = boundaries_of(text, headings, lines_are_units=lines_are_units, barrier_level=BARRIER_LEVEL)
    atoms = measure(text, boundaries, tokenizer, rules.max_tokens, max_characters)
    overlap = 0 if document.media_type in _ROWS else min(rules.overlap_tokens, rules.max_tokens // 4)
    packer = Packer(atoms, rules.max_tokens, max_characters, overlap)
    sections = sections_of(text, headings)
    spans = [span for group in groups_of(atoms, sections, packer) for span in _spans(packer, group)]
    fitted = fit(text, spans, tokenizer, rules.max_tokens, max_characters)
    return _drafts(text, fitted, SectionIndex(sections, document.pages))


def _spans(packer: Packer, group: Group) -> Iterator[Span]:
    positions = packer.atoms.positions
    for start, end in packer.pack(group.first, group.last):
        yield positions[start], positions[end]


def _drafts(text: str, fitted: list[tuple[Span, int]], index: SectionIndex) -> list[ChunkDraft]:
    return [
        ChunkDraft(
            ordinal=ordinal,
            start_offset=start,
            end_offset=end,
            text=text[start:end],
            token_count=tokens,
            page=index.page(start),
            section=index.path(start, end),
        )
        for ordinal, ((start, end), tokens) in enumerate(fitted)
    ]
