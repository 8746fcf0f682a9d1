"""Links every claim of an answer to the words of the passage that bear it out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.schemas.answers import AnswerSentence, Citation
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import TextRange
from lorebase.services.answers.answer_markers import Marker, neutralised
from lorebase.services.chunking.sentences import sentence_spans
from lorebase.services.keywords.keyword_tokens import words

LONGEST_QUOTE = 600

_BLANK_LINES = re.compile(r"\n\s*+\n")
_DECORATION = " \t\n\"'“”„«»*_`>#-•"


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of the answer: where it stands with its markers, its words, and the numbers it cites."""

    range: TextRange
    words: str
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The citations of an answer in order of their numbers, and its sentences with their support."""

    citations: tuple[Citation, ...] = ()
    sentences: tuple[AnswerSentence, ...] = ()

    @property
    def support(self) -> float:
        """The mean support of the sentences, 0 to 1; 0 without any."""
        if not self.sentences:
            return 0.0
        return sum(sentence.support for sentence in self.sentences) / len(self.sentences)


def find_evidence(text: str, markers: Sequence[Marker], cited: Sequence[Chunk]) -> Evidence:
    """The evidence of an answer whose marker n stands for `cited[n - 1]`.

    The support of a sentence is the share of its words that stand in the sentences it was matched with; a
    sentence that cites nothing has none.
    """
    sources = [Source(chunk) for chunk in cited]
    quotes: dict[int, list[tuple[Claim, TextRange]]] = {}
    sentences = []
    for claim in claims_of(text, markers):
        matched = {n: sources[n - 1].best_quote(claim.words) for n in claim.indexes}
        for number, quote in matched.items():
            quotes.setdefault(number, []).append((claim, quote))
        texts = (cited[n - 1].text[quote.start : quote.end] for n, quote in matched.items())
        support = round(_share(_forms(claim.words), _forms("\n".join(texts))), 4)
        sentences.append(AnswerSentence(range=claim.range, support=support, citation_indexes=tuple(matched)))
    citations = (_citation(n, cited[n - 1], quotes[n]) for n in sorted(quotes))
    return Evidence(tuple(citations), tuple(sentences))


def claims_of(text: str, markers: Sequence[Marker]) -> list[Claim]:
    """The sentences of an answer; a marker belongs to the sentence before it, also behind its full stop."""
    spans: list[tuple[int, int]] = []
    offset = 0
    for line in text.split("\n"):
        first_of_line = True
        for start, end in ((offset + start, offset + end) for start, end in sentence_spans(line)):
            begin = _behind_markers(text, start, end, markers)
            if spans and begin > start and (begin >= end or not first_of_line):
                spans[-1] = (spans[-1][0], begin)
            else:
                begin = start
            rest = text[begin:end]
            if rest.strip():
                spans.append((begin + len(rest) - len(rest.lstrip()), end))
            first_of_line = False
        offset += len(line) + 1
    claims = (_claim(text, start, end, markers) for start, end in spans)
    return [claim for claim in claims if claim.words]


class Source:
    """A passage that claims are looked up in."""

    def __init__(self, chunk: Chunk) -> None:
        self._text = chunk.text
        # As the model saw it. It is as long as the text itself, so every place is that of the source.
        self._seen = neutralised(chunk.text)
        self._sentences = [
            (span, _forms(self._text[span.start : span.end])) for span in _passage_sentences(self._text)
        ]

    def best_quote(self, claim: str) -> TextRange:
        """Where in the passage the words that bear the claim out stand.

        The claim itself where it is quoted word for word (white space aside), else the passage's sentence
        that shares most words with it, the first of equals.
        """
        quoted = re.search(r"\s*+".join(map(re.escape, claim.split())), self._seen) if claim else None
        if quoted and quoted.group().strip():
            return TextRange(start=quoted.start(), end=quoted.end())
        wanted = _forms(claim)
        span, _ = max(self._sentences, key=lambda sentence: _share(wanted, sentence[1]))
        return span


def _behind_markers(text: str, start: int, end: int, markers: Sequence[Marker]) -> int:
    """Where the markers that begin `text[start:end]` end; `start` itself when there are none."""
    place = start
    for marker in markers:
        if marker.start < start:
            continue
        if marker.start >= end or text[place : marker.start].strip():
            break
        place = marker.end
    return place


def _claim(text: str, start: int, end: int, markers: Sequence[Marker]) -> Claim:
    own = [marker for marker in markers if start <= marker.start < end]
    pieces, place = [], start
    for marker in own:
        pieces.append(text[place : marker.start].rstrip())
        place = marker.end
    said = "".join([*pieces, text[place:end]]).strip(_DECORATION)
    indexes = tuple(dict.fromkeys(marker.number for marker in own))
    return Claim(TextRange(start=start, end=end), said, indexes)


def _citation(number: int, chunk: Chunk, quotes: Sequence[tuple[Claim, TextRange]]) -> Citation:
    claim, first = quotes[0]
    start, end = first.start, first.end
    for _, quote in quotes[1:]:
        # One quote for all claims of a passage while it stays short enough to be checked at a glance.
        wider = (min(start, quote.start), max(end, quote.end))
        if wider[1] - wider[0] <= LONGEST_QUOTE:
            start, end = wider
    return Citation(
        index=number,
        chunk_id=chunk.id,
        version_id=chunk.version_id,
        quote=chunk.text[start:end],
        range=claim.range,
        document_range=TextRange(start=chunk.start_offset + start, end=chunk.start_offset + end),
    )


def _passage_sentences(passage: str) -> list[TextRange]:
    spans: list[TextRange] = []
    start = 0
    for end, following in [*(match.span() for match in _BLANK_LINES.finditer(passage)), (len(passage),) * 2]:
        for first, last in sentence_spans(passage[start:end]):
            spans.extend(_short_enough(passage, start + first, start + last))
        start = following
    return spans or [TextRange(start=0, end=min(len(passage), LONGEST_QUOTE))]


def _short_enough(passage: str, start: int, end: int) -> list[TextRange]:
    """Tables and code have no full stops: what is too long to check is cut between words."""
    spans = []
    while end - start > LONGEST_QUOTE:
        space = max(passage.rfind(mark, start + 1, start + LONGEST_QUOTE) for mark in " \n")
        cut = space if space > start else start + LONGEST_QUOTE
        spans.append(TextRange(start=start, end=cut))
        start = cut + len(passage[cut:end]) - len(passage[cut:end].lstrip())
    return [*spans, TextRange(start=start, end=end)]


def _forms(text: str) -> frozenset[str]:
    """The words of a text: whole and in parts for identifiers, pairs of characters for Chinese."""
    return frozenset(form for word in words(text) for form in word.forms)


def _share(wanted: frozenset[str], found: frozenset[str]) -> float:
    return len(wanted & found) / len(wanted) if wanted else 0.0
