"""Links every claim of an answer to the words of the passage that bear it out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.schemas.answers import AnswerSentence, Citation
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import TextRange
from lorebase.services.sentences import sentence_spans

LONGEST_QUOTE = 600

_MARKERS = re.compile(r"\s*(?:\[\d{1,3}\])+")
_MARKER = re.compile(r"\[(\d{1,3})\]")
_WORD = re.compile(r"\w+")
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

    citations: tuple[Citation, ...]
    sentences: tuple[AnswerSentence, ...]

    @property
    def support(self) -> float:
        """The mean support of the sentences, 0 to 1; 0 without any."""
        if not self.sentences:
            return 0.0
        return sum(sentence.support for sentence in self.sentences) / len(self.sentences)


def find_evidence(text: str, cited: Sequence[Chunk]) -> Evidence:
    """The evidence of an answer whose marker [n] stands for `cited[n - 1]`.

    The support of a sentence is the share of its words that stand in the sentences it was matched with; a
    sentence that cites nothing has none.
    """
    quotes: dict[int, list[tuple[Claim, TextRange]]] = {}
    sentences = []
    for claim in claims_of(text):
        matched = {n: best_quote(claim.words, cited[n - 1].text) for n in claim.indexes if n <= len(cited)}
        for number, quote in matched.items():
            quotes.setdefault(number, []).append((claim, quote))
        texts = [cited[n - 1].text[quote.start : quote.end] for n, quote in matched.items()]
        support = round(_share(claim.words, " ".join(texts)), 4)
        sentences.append(AnswerSentence(range=claim.range, support=support, citation_indexes=tuple(matched)))
    citations = (_citation(n, cited[n - 1], quotes[n]) for n in sorted(quotes))
    return Evidence(tuple(citations), tuple(sentences))


def claims_of(text: str) -> list[Claim]:
    """The sentences of an answer; a marker belongs to the sentence before it, also behind its full stop."""
    claims: list[Claim] = []
    offset = 0
    for line in text.split("\n"):
        spans: list[tuple[int, int]] = []
        for start, end in sentence_spans(line):
            leading = _MARKERS.match(line, start)
            if leading and spans:
                spans[-1] = (spans[-1][0], leading.end())
            begin = leading.end() if leading and spans else start
            rest = line[begin:end]
            if rest.strip():
                spans.append((begin + len(rest) - len(rest.lstrip()), end))
        claims.extend(_claim(text, offset + start, offset + end) for start, end in spans)
        offset += len(line) + 1
    return [claim for claim in claims if claim.words]


def best_quote(claim: str, passage: str) -> TextRange:
    """Where in the passage the words that bear the claim out stand.

    The claim itself where it is quoted word for word (white space aside), else the passage's sentence that
    shares most words with it, the first of equals.
    """
    quoted = re.search(r"\s+".join(map(re.escape, claim.split())), passage) if claim else None
    if quoted and quoted.group().strip():
        return TextRange(start=quoted.start(), end=quoted.end())
    spans = _passage_sentences(passage)
    start, end = max(spans, key=lambda span: _share(claim, passage[span[0] : span[1]]))
    return TextRange(start=start, end=end)


def _claim(text: str, start: int, end: int) -> Claim:
    sentence = text[start:end]
    indexes = tuple(dict.fromkeys(int(n) for n in _MARKER.findall(sentence)))
    return Claim(TextRange(start=start, end=end), _MARKERS.sub("", sentence).strip(_DECORATION), indexes)


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


def _passage_sentences(passage: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    offset = 0
    for block in re.split(r"(\n\s*\n)", passage):
        spans.extend((offset + start, offset + end) for start, end in sentence_spans(block))
        offset += len(block)
    return spans or [(0, len(passage))]


def _share(claim: str, quote: str) -> float:
    wanted = set(_WORD.findall(claim.casefold()))
    return len(wanted & set(_WORD.findall(quote.casefold()))) / len(wanted) if wanted else 0.0
