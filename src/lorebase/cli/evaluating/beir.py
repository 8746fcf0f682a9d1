"""Reads retrieval sets in the format of BEIR: corpus.jsonl, queries.jsonl and qrels.tsv.

Thakur et al., BEIR (2021), https://github.com/beir-cellar/beir. The judgements may stand in `qrels.tsv` or in
`qrels/test.tsv`. A folder may hold several sets over one corpus, as `queries.de.jsonl` and `qrels.de.tsv`;
such a set has the passages whose `lang` is its name, or all when no passage has one.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lorebase.cli.connection.responses import Json
from lorebase.cli.errors import UsageFailed

CORPUS = "corpus.jsonl"


@dataclass(frozen=True)
class Passage:
    """A document of a corpus."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class RetrievalSet:
    """Questions, by id, and the grades of their relevant documents."""

    name: str
    corpus: Path
    language: str | None
    queries: dict[str, str]
    grades: dict[str, dict[str, int]] = field(repr=False)

    def passages(self) -> Iterator[Passage]:
        """The documents of the set, read anew; UsageFailed for a line that is none."""
        for number, entry in _lines(self.corpus):
            if self.language in (None, entry.get("lang")):
                yield Passage(
                    _text(entry, "_id", self.corpus, number),
                    str(entry.get("title") or ""),
                    str(entry.get("text") or ""),
                )

    def cases(self) -> list[Json]:
        """The questions as the API takes them, in the order of the file."""
        return [
            {
                "query": query,
                "relevant": [
                    {"externalId": document, "grade": grade} for document, grade in self.grades[key].items()
                ],
            }
            for key, query in self.queries.items()
        ]


def read_sets(folder: Path) -> list[RetrievalSet]:
    """All sets of a folder, by name. UsageFailed when there is none, or a file is not what its name says."""
    corpus = folder / CORPUS
    if not corpus.is_file():
        raise UsageFailed(f"There is no {CORPUS} in {folder}.")
    languages = {str(entry["lang"]) for _, entry in _lines(corpus) if entry.get("lang")}
    found = [
        _read(folder, corpus, queries, qrels, languages)
        for queries in sorted(folder.glob("queries*.jsonl"))
        if (qrels := _qrels(folder, queries)) is not None
    ]
    if not found:
        raise UsageFailed(f"There are no queries.jsonl and qrels.tsv that belong together in {folder}.")
    return found


def _qrels(folder: Path, queries: Path) -> Path | None:
    own = queries.name.replace("queries", "qrels", 1).replace(".jsonl", ".tsv")
    candidates = [folder / own, *([folder / "qrels" / "test.tsv"] if own == "qrels.tsv" else [])]
    return next((path for path in candidates if path.is_file()), None)


def _read(folder: Path, corpus: Path, queries: Path, qrels: Path, languages: set[str]) -> RetrievalSet:
    part = queries.name.removeprefix("queries").removesuffix(".jsonl").strip(".")
    grades = _grades(qrels)
    texts = {
        key: _text(entry, "text", queries, number)
        for number, entry in _lines(queries)
        if (key := _text(entry, "_id", queries, number)) in grades
    }
    return RetrievalSet(
        name=f"{folder.resolve().name}-{part}" if part else folder.resolve().name,
        corpus=corpus,
        language=part if part in languages else None,
        queries=texts,
        grades={key: grades[key] for key in texts},
    )


def _grades(path: Path) -> dict[str, dict[str, int]]:
    """Positive judgements by question; those of nothing or less say that a document is not relevant."""
    grades: dict[str, dict[str, int]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            if number == 1 and row[-1:] == ["score"]:
                continue
            try:
                query, document, score = row
                grade = int(float(score))
            except ValueError as error:
                raise UsageFailed(f"Line {number} of {path} is not a judgement of three columns.") from error
            if grade > 0:
                grades.setdefault(query, {})[document] = grade
    return grades


def _lines(path: Path) -> Iterator[tuple[int, Json]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise UsageFailed(f"Line {number} of {path} is not JSON.") from error
            if not isinstance(entry, dict):
                raise UsageFailed(f"Line {number} of {path} is not a JSON object.")
            yield number, entry


def _text(entry: Mapping[str, object], name: str, path: Path, number: int) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise UsageFailed(f"Line {number} of {path} has no {name!r}.")
    return value
