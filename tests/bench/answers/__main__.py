"""Quality and cost of the extractive answerer: `python -m tests.bench.answers FOLDER [--language en]`.

FOLDER holds corpus.jsonl (_id, title, text, lang), queries.LANG.jsonl (_id, text, answers) and
qrels.LANG.tsv (question, passage), as in BEIR.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, get_settings
from lorebase.embedded.models.embedding_queue import EmbeddingQueue, open_embedding_queue
from lorebase.embedded.models.encoder import OnnxEncoder
from lorebase.embedded.models.extractive import THRESHOLD, ExtractiveAnswerer, Quote, select
from lorebase.embedded.models.prompt_reading import AnswerPrompt, read_prompt
from lorebase.embedded.models.terms import rarity, terms
from tests.bench.answers.dataset import Dataset, Question, load

PASSAGES = 8
VECTOR_WEIGHT = 0.4


@dataclass(frozen=True)
class Outcome:
    """What one prompt led to; `quotes` are chosen without a threshold."""

    best_score: float
    quotes: list[Quote]
    passages: list[int]
    cpu_seconds: float


def render_prompt(question: str, texts: list[str]) -> str:
    """The marks that every chat model gets, made short."""
    token = f"{random.getrandbits(64):016x}"
    parts = [f'<question token="{token}">{html.escape(question, quote=False)}</question>']
    for index, text in enumerate(texts, 1):
        parts.append(f'<passage index="{index}" token="{token}">{html.escape(text, quote=False)}</passage>')
    return "\n".join(parts)


async def ask(
    answerer: ExtractiveAnswerer, data: Dataset, question: Question, passages: list[int]
) -> Outcome:
    """One question over the given passages, through the same reading of the prompt as the server's."""
    prompt = read_prompt(render_prompt(question.text, [data.texts[index] for index in passages]))
    assert isinstance(prompt, AnswerPrompt)
    begun = time.process_time()
    ranked = await answerer.rank(prompt)
    spent = time.process_time() - begun
    return Outcome(ranked[0].score if ranked else -1.0, select(ranked, -1.0), passages, spent)


class Retriever:
    """Orders the corpus for a question: vectors and rare words, as a hybrid search would."""

    def __init__(self, data: Dataset, vectors: np.ndarray) -> None:
        self._terms = [terms(text) for text in data.texts]
        self._rarity = rarity(self._terms)
        self._vectors = vectors

    def order(self, question: str, vector: np.ndarray) -> list[int]:
        """Every passage, best first."""
        asked = terms(question)
        words = np.array([sum(self._rarity.get(t, 0.0) for t in asked & found) for found in self._terms])
        near = self._vectors @ vector
        near = (near - near.min()) / (near.max() - near.min())
        fused = (1 - VECTOR_WEIGHT) * words / max(words.max(), 1e-9) + VECTOR_WEIGHT * near
        return [int(index) for index in np.argsort(-fused, kind="stable")]


def area_under_curve(positive: list[float], negative: list[float]) -> float:
    """The chance that a question with evidence scores above one without (Mann and Whitney, 1947)."""
    scores = np.array(positive)[:, None] - np.array(negative)[None, :]
    return float((scores > 0).mean() + 0.5 * (scores == 0).mean())


async def measure(queue: EmbeddingQueue, data: Dataset) -> None:
    """Asks everything and prints the figures."""
    answerer = ExtractiveAnswerer(queue)
    retriever = Retriever(data, (await queue.embed(data.texts)).vectors)
    vectors = (await queue.embed([question.text for question in data.questions])).vectors
    chance = random.Random(7)
    answered: list[tuple[Question, Outcome]] = []
    unanswerable: dict[str, list[float]] = {"random articles": [], "nearest articles": [], "same article": []}
    for question, vector in zip(data.questions, vectors, strict=True):
        order = retriever.order(question.text, vector)
        answered.append((question, await ask(answerer, data, question, order[:PASSAGES])))
        foreign = [index for index in order if data.titles[index] != data.titles[question.passage]]
        without = {
            "random articles": chance.sample(foreign, PASSAGES),
            "nearest articles": foreign[:PASSAGES],
            "same article": [index for index in order if index != question.passage][:PASSAGES],
        }
        for name, passages in without.items():
            unanswerable[name].append((await ask(answerer, data, question, passages)).best_score)
    report(data, answered, unanswerable)


def report(
    data: Dataset, answered: list[tuple[Question, Outcome]], unanswerable: dict[str, list[float]]
) -> None:
    """Prints the figures."""
    right_sentence, right_any, right_citation, cited_right, cited = 0, 0, 0, 0, 0
    for question, outcome in answered:
        sources = [outcome.passages[quote.passage - 1] for quote in outcome.quotes]
        holds = [
            source == question.passage and any(answer in quote.text for answer in question.answers)
            for source, quote in zip(sources, outcome.quotes, strict=True)
        ]
        right_sentence += holds[:1] == [True]
        right_any += any(holds)
        right_citation += sources[:1] == [question.passage]
        cited_right += sum(source == question.passage for source in sources)
        cited += len(sources)
    total = len(answered)
    scores = [outcome.best_score for _, outcome in answered]
    spent = sum(outcome.cpu_seconds for _, outcome in answered)
    print(f"questions                     {total}, passages {len(data.texts)}")
    print(
        f"retrieved among {PASSAGES}            {np.mean([q.passage in o.passages for q, o in answered]):.3f}"
    )
    print(f"first sentence right          {right_sentence / total:.3f}")
    print(f"any quoted sentence right     {right_any / total:.3f}")
    print(f"first citation right          {right_citation / total:.3f}")
    print(f"all citations right           {cited_right / cited:.3f} ({cited / total:.2f} a question)")
    print(f"CPU a question                {1000 * spent / total:.0f} ms")
    print(f"refused at {THRESHOLD}               {np.mean(np.array(scores) < THRESHOLD):.3f}")
    for name, negative in unanswerable.items():
        wrongly = np.mean(np.array(negative) >= THRESHOLD)
        print(f"{name:30s}AUC {area_under_curve(scores, negative):.3f}, answered {wrongly:.3f}")


async def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--questions", type=int, default=None, help="ask only so many")
    arguments = parser.parse_args()
    data = load(arguments.folder, arguments.language, arguments.questions)
    encoder = OnnxEncoder(get_settings().models_directory / EMBEDDED_EMBEDDING_MODEL)
    async with open_embedding_queue(encoder, threads=1) as queue:
        await measure(queue, data)


if __name__ == "__main__":
    asyncio.run(main())
