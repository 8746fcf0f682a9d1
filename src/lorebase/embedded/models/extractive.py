"""The extractive answerer: quotes the sentences that answer, with their citations, or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from lorebase.embedded.models.embedding_queue import EmbeddingQueue
from lorebase.embedded.models.prompt_reading import AnswerPrompt
from lorebase.embedded.models.ranking import Scored, gather, score
from lorebase.embedded.models.sentences import Kind

NO_EVIDENCE = "NO_EVIDENCE"
MOST_QUOTES = 3

# On XQuAD this refuses 4% of what could be answered, answers 0.2% of what random passages cannot and 4% of
# what the nearest passages of other articles cannot.
THRESHOLD = 0.38
# Further sentences of the best one's passage complete it; from elsewhere they must be as good.
SAME_PASSAGE_SHARE = 0.8
OTHER_PASSAGE_SHARE = 0.97


@dataclass(frozen=True, slots=True)
class Quote:
    """A verbatim sentence (white space made single spaces) and the number of the passage it stands in."""

    text: str
    passage: int
    score: float


class ExtractiveAnswerer:
    """Answers only in the words of the given passages; generates nothing."""

    def __init__(self, queue: EmbeddingQueue, threshold: float = THRESHOLD) -> None:
        self._queue = queue
        self._threshold = threshold

    async def rank(self, prompt: AnswerPrompt) -> list[Scored]:
        """Every sentence that was looked at closely, best first; empty where there is nothing to quote."""
        candidates = await asyncio.to_thread(gather, prompt)
        if not candidates or not prompt.question:
            return []
        texts = [prompt.question, *(candidate.piece.text for candidate in candidates)]
        embedded = await self._queue.embed(texts, urgent=True)
        return score(embedded.vectors[0], candidates, list(embedded.vectors[1:]))

    async def answer(self, prompt: AnswerPrompt) -> list[Quote]:
        """At most three quotes, best first; none where nothing reaches the threshold."""
        return select(await self.rank(prompt), self._threshold)


def select(ranked: Sequence[Scored], threshold: float) -> list[Quote]:
    """The quotes among scored candidates: prose where it reaches the threshold, anything else only if not."""
    enough = [one for one in ranked if one.score >= threshold]
    prose = [one for one in enough if one.candidate.piece.kind is Kind.PROSE]
    chosen: list[Scored] = []
    for one in prose or enough:
        if len(chosen) < MOST_QUOTES and (not chosen or _completes(one, chosen)):
            chosen.append(one)
    return [Quote(one.candidate.piece.text, one.candidate.passage, one.score) for one in chosen]


def render(quotes: Sequence[Quote]) -> str:
    """The answer as text: a line for each quote, ending in its marker; `NO_EVIDENCE` for none."""
    return "\n".join(f"{quote.text} [{quote.passage}]" for quote in quotes) or NO_EVIDENCE


def _completes(one: Scored, chosen: Sequence[Scored]) -> bool:
    best = chosen[0]
    same = one.candidate.passage == best.candidate.passage
    share = SAME_PASSAGE_SHARE if same else OTHER_PASSAGE_SHARE
    text = one.candidate.piece.text
    repeats = any(text in c.candidate.piece.text or c.candidate.piece.text in text for c in chosen)
    return one.score >= share * best.score and not repeats
