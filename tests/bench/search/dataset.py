"""Reads retrieval sets in BEIR's layout."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Passage:
    """A passage with its title."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Dataset:
    """Passages, queries by id, and the passages relevant to each query."""

    name: str
    passages: list[Passage]
    queries: dict[str, str]
    relevant: dict[str, set[str]]


def cranfield(folder: Path) -> Dataset:
    """Abstracts on aerodynamics, 225 queries, several relevant passages each."""
    return _dataset(
        "cranfield", folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv", None
    )


def xquad(folder: Path, language: str) -> Dataset:
    """Paragraphs of Wikipedia in one language, 1,190 questions, one relevant paragraph each."""
    queries, qrels = folder / f"queries.{language}.jsonl", folder / f"qrels.{language}.tsv"
    return _dataset(f"xquad-{language}", folder / "corpus.jsonl", queries, qrels, language)


def _dataset(name: str, corpus: Path, queries: Path, qrels: Path, language: str | None) -> Dataset:
    relevant: defaultdict[str, set[str]] = defaultdict(set)
    for line in qrels.read_text().splitlines()[1:]:
        query, passage, _ = line.split("\t")
        relevant[query].add(passage)
    passages = [
        Passage(entry["_id"], entry["title"].replace("_", " "), entry["text"])
        for entry in _lines(corpus)
        if language is None or entry["lang"] == language
    ]
    asked = {entry["_id"]: entry["text"] for entry in _lines(queries) if entry["_id"] in relevant}
    return Dataset(name, passages, asked, dict(relevant))


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)
