"""Retrieval quality of the running stack: `python -m tests.bench.retrieval FOLDER… [--every N]`.

Each folder holds sets in the format of BEIR, as `lorebase eval import` reads them. A set's documents go into
a knowledge base named after it, once; then every question is searched through the public GraphQL API, hits
paged until there are 100 documents. Beside it stand plain BM25 (bm25s, when installed) and the bare model.
Talks to the stack of LOREBASE_HOME.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from lorebase.cli.connection.responses import payload_of
from lorebase.cli.connection.session import Session, open_session
from lorebase.cli.evaluating.beir import RetrievalSet, read_sets
from lorebase.cli.evaluating.evaluation_import import import_documents
from lorebase.core.config import get_settings
from lorebase.schemas.evaluations import CaseScores
from lorebase.services.evaluations.bootstrap import intervals
from tests.bench.retrieval.beside import HOW, bare_model, plain_bm25
from tests.bench.retrieval.outside import search_all

COLUMNS = f"{'set':<16}{'system':<12}{'nDCG@10':>9}{'95%':>16}{'Recall@100':>12}{'MRR@10':>9}{'queries':>9}"


def main() -> None:
    """Prints a row for each set and system."""
    arguments = _arguments()
    chosen = [given for folder in arguments.folders for given in read_sets(folder)]
    wanted = [given for given in chosen if arguments.only in (None, given.name)]
    print(COLUMNS)
    for given in wanted:
        asyncio.run(_measure(_every(given, arguments.every), arguments.models))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.retrieval", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only", help="name of the only set to measure, such as xquad-de")
    parser.add_argument("--every", type=int, default=1, help="take every Nth question only")
    models = get_settings().models_directory / "all-MiniLM-L6-v2"
    parser.add_argument("--models", type=Path, default=models, help="folder of the converted MiniLM")
    return parser.parse_args()


def _every(given: RetrievalSet, step: int) -> RetrievalSet:
    return replace(given, queries=dict(list(given.queries.items())[::step]))


async def _measure(given: RetrievalSet, models: Path) -> None:
    async with open_session() as session:
        base = await _filled(session, given)
        _show(given.name, "lorebase", await search_all(session, base, given.queries, given.grades))
    by_words = plain_bm25(given)
    if by_words is None:
        print(f"{given.name:<16}{'bm25s':<12}{HOW}", file=sys.stderr)
    else:
        _show(given.name, "bm25s", by_words)
    _show(given.name, "bare model", bare_model(given, models))


async def _filled(session: Session, given: RetrievalSet) -> str:
    """The knowledge base of the set, with all its documents."""
    held = next((base for base in await session.knowledge_bases() if base["slug"] == given.name), None)
    wanted = sum(bool(passage.text.strip() or passage.title.strip()) for passage in given.passages())
    if held and held["stats"]["documentCount"] == wanted:
        return str(held["id"])
    if held is None:
        asked = {"workspaceId": session.workspace_id, "name": given.name, "slug": given.name}
        data = await session.client.run("create-knowledge-base", {"input": asked})
        held = payload_of(data, "createKnowledgeBase")["knowledgeBase"]
    outcome = await import_documents(session, held["id"], given, concurrency=4)
    if outcome.failed or outcome.waiting:
        sys.exit(f"{given.name}: {len(outcome.failed)} documents failed, such as {outcome.failed[:3]}")
    return str(held["id"])


def _show(name: str, system: str, scores: Sequence[CaseScores]) -> None:
    (surely,) = intervals([(each.ndcg_at_10,) for each in scores])
    figures = [
        fmean(column)
        for column in zip(
            *((s.ndcg_at_10, s.recall_at_100, s.reciprocal_rank_at_10) for s in scores), strict=True
        )
    ]
    between = f"{surely.lower:.3f}-{surely.upper:.3f}"
    print(
        f"{name:<16}{system:<12}{figures[0]:>9.3f}{between:>16}{figures[1]:>12.3f}{figures[2]:>9.3f}"
        f"{len(scores):>9}",
        flush=True,
    )


if __name__ == "__main__":
    main()
