"""Measures the versions of the keyword analyser: nDCG@10 of the keyword leg alone.

Run `python -m tests.bench.search.analysers DATASETS` with a folder that holds `cranfield` and `xquad` in
BEIR's layout; `--xquad FOLDER` adds the files `xquad.LANGUAGE.json` of the published XQuAD. Each set is asked
twice: as it is, and with the accents of Latin, Greek and Arabic letters left out of the questions.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from lorebase.services.keywords.analysers import ANALYSERS, without_accents
from lorebase.services.keywords.keywords import KeywordAnalyser
from tests.bench.search.dataset import Dataset, Passage, cranfield, xquad
from tests.bench.search.legs import KeywordBench, chunk_id
from tests.bench.search.quality import CUT, ndcg


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search.analysers", description=__doc__)
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--xquad", type=Path, help="folder of the published XQuAD")
    given = parser.parse_args()
    print(f"{'set':<14}{'analyser':<10}{'as asked':>9}{'plain':>8}{'postings':>10}{'CPU s':>8}")
    for dataset in _sets(given.datasets, given.xquad):
        for version, analyser in ANALYSERS.items():
            _show(dataset, version, analyser)


def _sets(folder: Path, published: Path | None) -> Iterator[Dataset]:
    yield cranfield(folder / "cranfield")
    for language in ("en", "de", "zh"):
        yield xquad(folder / "xquad", language)
    for file in sorted(published.glob("xquad.*.json")) if published else ():
        yield _published(file)


def _published(file: Path) -> Dataset:
    passages: list[Passage] = []
    queries: dict[str, str] = {}
    relevant: dict[str, set[str]] = {}
    for article in json.loads(file.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            # Titles are English in every language: they are left out.
            passages.append(Passage(str(len(passages)), "", paragraph["context"]))
            for asked in paragraph["qas"]:
                queries[asked["id"]] = asked["question"]
                relevant[asked["id"]] = {passages[-1].id}
    return Dataset(f"{file.stem} *", passages, queries, relevant)


def _show(dataset: Dataset, version: int, analyser: KeywordAnalyser) -> None:
    started = time.process_time()
    bench = KeywordBench(dataset, analyser)
    as_asked = fmean(_gain(bench, dataset, query_id, text) for query_id, text in dataset.queries.items())
    cpu = time.process_time() - started
    plain = fmean(
        _gain(bench, dataset, query_id, *without_accents((text,)))
        for query_id, text in dataset.queries.items()
    )
    print(
        f"{dataset.name:<14}{f'kw{version}':<10}{as_asked:>9.3f}{plain:>8.3f}{bench.size:>10.1f}{cpu:>8.1f}",
        flush=True,
    )


def _gain(bench: KeywordBench, dataset: Dataset, query_id: str, text: str) -> float:
    relevant = {chunk_id(passage_id) for passage_id in dataset.relevant[query_id]}
    return ndcg([hit.chunk_id for hit in bench.search(text, CUT)], relevant)


if __name__ == "__main__":
    main()
