"""Scores the pieces of the passages by how likely they answer the question."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lorebase.embedded.models.encoder import Vector
from lorebase.embedded.models.prompt_reading import AnswerPrompt, Passage
from lorebase.embedded.models.question_forms import BEST_BONUS, asked_action, expected_forms
from lorebase.embedded.models.sentences import Kind, Piece, split_pieces
from lorebase.embedded.models.terms import rarity, terms

# Weights, limits and the threshold were chosen with tests/bench/answers on XQuAD (Artetxe et al., 2020).
SIMILARITY = 1.0
OVERLAP = 0.5
OVERLAP_WITH_CONTEXT = 0.5
PASSAGE_SIMILARITY = 0.5
PASSAGE_OVERLAP = 0.2
FLAW = -0.3
FULL_SCORE = SIMILARITY + OVERLAP + OVERLAP_WITH_CONTEXT + PASSAGE_SIMILARITY + PASSAGE_OVERLAP + BEST_BONUS

# More than this many were never better on the bench, and each costs a run of the encoder.
EMBEDDED_PIECES = 20
PASSAGE_SAMPLE = 3

_HEADING_PARTS = re.compile(r" > |\.")
_MARKER = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A piece that might answer, with all that is known of it before any vector is made.

    Overlaps are shares, 0 to 1, of the question's rarity-weighted terms; `expected_form` is a bonus.
    """

    piece: Piece
    passage: int
    rank: int
    overlap: float
    overlap_with_context: float
    passage_overlap: float
    expected_form: float
    flaws: int

    @property
    def promise(self) -> float:
        """A score without vectors, good enough to choose which pieces deserve one."""
        near = 0.2 / (1 + self.rank)
        context = 0.5 * self.overlap_with_context + 0.2 * self.passage_overlap
        return self.overlap + context + near + self.expected_form


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with its score, 0 to 1 or a little below."""

    candidate: Candidate
    score: float


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece with its terms, those it is read with, and those of the name that it defines, if it does."""

    piece: Piece
    passage: Passage
    rank: int
    terms: frozenset[str]
    context: frozenset[str]
    defines: frozenset[str]


def gather(prompt: AnswerPrompt) -> list[Candidate]:
    """The most promising quotable pieces of the prompt's passages, each text once."""
    units = _units(prompt.passages)
    asked = _Question(prompt.question, units)
    whole: dict[int, frozenset[str]] = {}
    for unit in units:
        whole[unit.rank] = whole.get(unit.rank, terms(unit.passage.heading)) | unit.terms
    indices = {passage.index for passage in prompt.passages}
    unique = {unit.piece.text: unit for unit in reversed(units) if unit.piece.kind is not Kind.QUESTION}
    found = [asked.candidate(unit, whole[unit.rank], indices) for unit in reversed(unique.values())]
    return sorted(found, key=lambda candidate: -candidate.promise)[:EMBEDDED_PIECES]


def score(question: Vector, candidates: Sequence[Candidate], vectors: Sequence[Vector]) -> list[Scored]:
    """All candidates with their scores, best first; `vectors` are those of their texts, in order."""
    similarities = [float(question @ vector) for vector in vectors]
    of_passage: dict[int, list[float]] = {}
    for candidate, similarity in zip(candidates, similarities, strict=True):
        of_passage.setdefault(candidate.rank, []).append(similarity)
    mean = {rank: _mean_of_best(found) for rank, found in of_passage.items()}
    scored = [
        Scored(candidate, _score(candidate, similarity, mean[candidate.rank]))
        for candidate, similarity in zip(candidates, similarities, strict=True)
    ]
    return sorted(scored, key=lambda one: -one.score)


class _Question:
    """What the question's words say about a piece."""

    def __init__(self, question: str, units: Sequence[_Unit]) -> None:
        self._terms = terms(question)
        known = rarity([unit.terms for unit in units])
        unseen = math.log(1 + (len(units) + 0.5) / 0.5)
        self._rarity = {term: known.get(term, unseen) for term in self._terms}
        self._total = sum(self._rarity.values()) or 1.0
        self._forms = expected_forms(question)
        self._action = terms(asked_action(question))

    def candidate(self, unit: _Unit, whole: frozenset[str], indices: set[int]) -> Candidate:
        # What defines the very thing that is asked for is read as if it named all that its heading names.
        is_definition = bool(self._action & unit.defines) and unit.defines <= self._terms
        own = unit.terms | terms(unit.passage.heading) if is_definition else unit.terms
        return Candidate(
            piece=unit.piece,
            passage=unit.passage.index,
            rank=unit.rank,
            overlap=self._overlap(own),
            overlap_with_context=self._overlap(unit.terms | unit.context),
            passage_overlap=self._overlap(whole),
            expected_form=BEST_BONUS if is_definition else self._expected_form(unit.piece.text),
            flaws=_flaws(unit.piece.text, indices),
        )

    def _expected_form(self, text: str) -> float:
        """The bonus of the best form; an instruction may also begin with the verb of the question."""
        commands = bool(self._action) and bool(self._action & terms(text.split(maxsplit=1)[0]))
        fitting = [form.bonus for form in self._forms if form.fits(text)]
        return max([*fitting, BEST_BONUS * commands])

    def _overlap(self, found: frozenset[str]) -> float:
        return sum(self._rarity[term] for term in self._terms & found) / self._total


def _units(passages: Sequence[Passage]) -> list[_Unit]:
    units = []
    for rank, passage in enumerate(passages):
        heading = terms(passage.heading)
        before: frozenset[str] = frozenset()
        pieces = split_pieces(passage.text)
        defining, name = _definition(passage, pieces)
        for piece in pieces:
            own = terms(piece.text)
            defines = name if piece is defining else frozenset()
            units.append(_Unit(piece, passage, rank, own, heading | before, defines))
            before = own
    return units


def _definition(passage: Passage, pieces: Sequence[Piece]) -> tuple[Piece | None, frozenset[str]]:
    """The first sentence of a passage that begins with its own heading, and the name in that heading.

    Of "asyncio.Task > cancel" over "cancel(msg=None)" the name is "cancel".
    """
    name = terms(_HEADING_PARTS.split(passage.heading)[-1])
    if not name or not pieces or pieces[0].kind is Kind.PROSE or not name <= terms(pieces[0].text):
        return None, frozenset()
    return next((piece for piece in pieces if piece.kind is Kind.PROSE), None), name


def _flaws(text: str, indices: set[int]) -> int:
    """Counts what makes a quote misleading: a marker of its own, no beginning, no end."""
    imitates_citation = any(int(marker) in indices for marker in _MARKER.findall(text))
    return imitates_citation + text[0].islower() + text.endswith((":", "："))


def _mean_of_best(similarities: list[float]) -> float:
    return float(np.mean(sorted(similarities)[-PASSAGE_SAMPLE:]))


def _score(candidate: Candidate, similarity: float, passage_similarity: float) -> float:
    total = (
        SIMILARITY * similarity
        + OVERLAP * candidate.overlap
        + OVERLAP_WITH_CONTEXT * candidate.overlap_with_context
        + PASSAGE_SIMILARITY * passage_similarity
        + PASSAGE_OVERLAP * candidate.passage_overlap
        + candidate.expected_form
        + FLAW * candidate.flaws
    )
    return total / FULL_SCORE
