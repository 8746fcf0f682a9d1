"""What each part of a search costs, and how it grows: `python -m tests.bench.search.parts [--queries N]`.

Fills knowledge bases of 1,000 and then of 20,000 passages in the stack of LOREBASE_HOME, past the pipeline:
passages of 50 words, as frequent as words of a language are, with their postings and vectors. Then it
searches through the public API by meaning, by words and by both. CPU is that of each process; PostgreSQL's is
told apart by what a search by meaning, which has no keyword leg, costs there. A query without a search shows
what GraphQL and the connection cost by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lorebase.cli.connection.running_stack import FOR_SERVICES, with_running_stack
from lorebase.cli.connection.session import Session, open_session
from lorebase.core.config import get_settings
from tests.bench.search.filters import FLUSH_SECONDS, WARM, WORDS, create, fill, search
from tests.bench.stack.measure import cpu_seconds, processes, spent

SIZES = (1_000, 20_000)
MODES = ("VECTOR", "KEYWORD", "HYBRID")

PASSAGE_WORDS, QUERY_WORDS = 50, 5
VOCABULARY = tuple(f"{one}{other}" for one in WORDS.split() for other in WORDS.split())

Costs = dict[str, float]


@dataclass(frozen=True)
class Row:
    """CPU milliseconds of one part for each size."""

    name: str
    costs: tuple[float, ...]

    def shown(self) -> str:
        """A line of the table."""
        grows = self.costs[-1] / self.costs[0] if self.costs[0] >= 0.05 else float("nan")
        return f"{self.name:<34}" + "".join(f"{cost:>10.1f}" for cost in self.costs) + f"{grows:>8.1f}"


def salads(seed: int, count: int, words: int) -> list[str]:
    """Texts whose words are drawn by the law of Zipf: the n-th as often as 1/n."""
    random = np.random.default_rng(seed)
    frequencies = 1 / np.arange(1, len(VOCABULARY) + 1)
    drawn = random.choice(VOCABULARY, size=(count, words), p=frequencies / frequencies.sum())
    return [" ".join(row) for row in drawn]


async def costs_of(one: Callable[[str], Awaitable[object]], texts: Sequence[str]) -> Costs:
    """CPU milliseconds that each process spends on one call."""
    for text in texts[:WARM]:
        await one(text)
    parts = processes()
    before = cpu_seconds(parts)
    for text in texts:
        await one(text)
    used = spent(before, cpu_seconds(parts))
    return {name: seconds / len(texts) * 1000 for name, seconds in used.items()}


async def measure(session: Session, knowledge_base_id: str, texts: Sequence[str]) -> dict[str, Costs]:
    """The costs of each mode, and of a request without a search."""

    async def viewer(_: str) -> object:
        return await session.client.run("viewer", {})

    found = {"nothing": await costs_of(viewer, texts)}
    for mode in MODES:
        wanted = {"knowledgeBaseIds": [knowledge_base_id], "mode": mode}

        async def one(text: str, wanted: dict[str, object] = {**wanted}) -> object:  # noqa: B006
            return await search(session, wanted, text)

        found[mode] = await costs_of(one, texts)
    return found


def table(sizes: Sequence[dict[str, Costs]]) -> list[Row]:
    """Rows of a search by both, and its sum."""

    def row(name: str, cost: Callable[[dict[str, Costs]], float]) -> Row:
        return Row(name, tuple(max(0.0, cost(size)) for size in sizes))

    return [
        row("GraphQL and services (API)", lambda size: size["HYBRID"]["api"]),
        row("  of it without any search", lambda size: size["nothing"]["api"]),
        row("query embedding (models)", lambda size: size["HYBRID"]["models"]),
        row("Milvus", lambda size: size["HYBRID"]["milvus"]),
        row("keyword leg (PostgreSQL)", lambda size: size["HYBRID"]["postgres"] - size["VECTOR"]["postgres"]),
        row("plan, join and hits (PostgreSQL)", lambda size: size["VECTOR"]["postgres"]),
        row("other", lambda size: sum(size["HYBRID"].get(part, 0.0) for part in ("worker", "valkey"))),
        row("a hybrid search", lambda size: sum(size["HYBRID"].values())),
        row("a search by meaning", lambda size: sum(size["VECTOR"].values())),
        row("a search by words", lambda size: sum(size["KEYWORD"].values())),
    ]


async def main(queries: int) -> None:
    """Fills, waits for the owner's flush, measures, prints."""
    settings = with_running_stack(get_settings(), FOR_SERVICES)
    texts = salads(1, queries, QUERY_WORDS)
    sizes: list[dict[str, Costs]] = []
    async with open_session() as session:
        for size in SIZES:
            filled = await fill(settings, await create(session), size // 4, salads(0, size, PASSAGE_WORDS))
            await asyncio.sleep(FLUSH_SECONDS)
            sizes.append(await measure(session, filled.knowledge_base_id, texts))
    print(f"{'CPU ms a search':<34}" + "".join(f"{size:>10,}" for size in SIZES) + f"{'times':>8}")
    for row in table(sizes):
        print(row.shown())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search.parts", description=__doc__)
    parser.add_argument("--queries", type=int, default=100)
    asyncio.run(main(parser.parse_args().queries))
