"""Measures retrieval quality: nDCG@10 of each leg and of their fusion on Cranfield and XQuAD.

Run `python -m tests.bench.search DATASETS` with a folder that holds `cranfield` and `xquad` in BEIR's layout.
Each passage counts as one chunk; vectors are compared exactly, so the figures are those of the analyser, the
model and the fusion, not of an index.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lorebase.core.config import get_settings
from tests.bench.search.dataset import Dataset, cranfield, xquad
from tests.bench.search.header import HEADERS
from tests.bench.search.legs import KeywordBench, VectorBench
from tests.bench.search.quality import Figures, measure


def main() -> None:
    arguments = _arguments()
    directory = arguments.models or get_settings().models_directory / "all-MiniLM-L6-v2"
    print(f"{'header':<16}{'set':<16}{'keyword':>9}{'vector':>9}{'fused':>9}{'queries':>9}{'CPU s':>8}")
    for name, header in HEADERS.items():
        if arguments.header in (None, name):
            vectors = VectorBench(directory, header, arguments.cache)
            for dataset in _sets(arguments.datasets):
                _show(name, dataset, measure(dataset, KeywordBench(dataset), vectors))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__)
    parser.add_argument("datasets", type=Path)
    parser.add_argument("--models", type=Path, help="folder of the converted MiniLM")
    parser.add_argument("--header", choices=sorted(HEADERS), help="only this form of the embedded text")
    parser.add_argument("--cache", type=Path, help="folder that keeps vectors between runs")
    return parser.parse_args()


def _sets(folder: Path) -> list[Dataset]:
    return [cranfield(folder / "cranfield"), *(xquad(folder / "xquad", code) for code in ("en", "de", "zh"))]


def _show(header: str, dataset: Dataset, figures: Figures) -> None:
    scores = "".join(f"{score:>9.3f}" for score in (figures.keyword, figures.vector, figures.fused))
    print(
        f"{header:<16}{dataset.name:<16}{scores}{figures.queries:>9}{figures.cpu_seconds:>8.1f}", flush=True
    )


if __name__ == "__main__":
    main()
