"""Reads a question-answering set in BEIR's layout."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Question:
    """A question, its accepted answers, and the position of the passage that holds them."""

    text: str
    answers: list[str]
    passage: int


@dataclass(frozen=True)
class Dataset:
    """Passages with their articles' titles, and the questions about them."""

    texts: list[str]
    titles: list[str]
    questions: list[Question]


def load(folder: Path, language: str, limit: int | None) -> Dataset:
    """The part of the set in one language; `limit` draws so many questions, always the same ones."""
    corpus = [line for line in _lines(folder / "corpus.jsonl") if line["lang"] == language]
    position = {str(line["_id"]): index for index, line in enumerate(corpus)}
    rows = (folder / f"qrels.{language}.tsv").read_text().splitlines()[1:]
    relevant = dict(row.split("\t")[:2] for row in rows)
    questions = [
        Question(str(line["text"]), [*map(str, line["answers"])], position[relevant[str(line["_id"])]])
        for line in _lines(folder / f"queries.{language}.jsonl")
    ]
    if limit is not None:
        questions = random.Random(11).sample(questions, min(limit, len(questions)))
    return Dataset([line["text"] for line in corpus], [line["title"] for line in corpus], questions)


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]
