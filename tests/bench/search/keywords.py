"""What a search by words costs in either index: `python -m tests.bench.search.keywords [--passages N]`.

Fills a workspace of its own in the stack of LOREBASE_HOME, past the pipeline, with passages of words as rare
and as frequent as in a language. The stack runs with LOREBASE_KEYWORD_INDEX=both, and with
LOREBASE_RECONCILE_SECONDS=0, or its worker embeds what it finds. Both indexes are asked the same questions,
one after the other, and must answer alike. CPU is that of all parts of the stack and of this process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from uuid import UUID

import numpy as np
import psutil

from lorebase.cli.connection.running_stack import FOR_MIGRATION, with_running_stack
from lorebase.core.config import Settings, get_settings
from lorebase.ports.keyword_index import KeywordIndex
from lorebase.repositories.database import create_engine
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.milvus.keywords import MilvusKeywordIndex
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.search import ChunkWeights, KeywordPosting, KeywordQuery, PartitionAddress, ScoredChunk
from lorebase.services.indexes.chunk_rows import row_of
from lorebase.services.indexes.index_content import IndexContent
from lorebase.services.indexes.keyword_places import keyword_address
from lorebase.services.keywords.keyword_search import PostingsIndex
from lorebase.services.keywords.keywords import KeywordAnalyser
from tests.bench.stack.measure import cpu_seconds, processes, spent
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Live, Tenant, add_live, make_tenant

EACH = 10
AT_ONCE = 100
WORDS = 90
VOCABULARY = 40_000
QUERY_WORDS = 6
LIMIT = 101
WARM = 20
FLUSH_SECONDS = 20


@dataclass(frozen=True)
class Bench:
    """The stores and a tenant in them."""

    settings: Settings
    units: SqlUnitOfWorkFactory
    rows: MilvusChunkIndex
    tenant: Tenant
    address: PartitionAddress
    directory: Path

    async def fill(self, passages: int) -> None:
        """Writes documents of ten passages, to PostgreSQL and to Milvus."""
        analyser, made = KeywordAnalyser(), texts(1, passages)
        await self.rows.ensure_partition(self.address)
        for start in range(0, passages // EACH, AT_ONCE):
            written: list[ChunkWeights] = []
            async with self.units.for_workspace(self.tenant.workspace_id) as uow:
                for _ in range(start, min(start + AT_ONCE, passages // EACH)):
                    live = await add_live(uow, self.tenant, texts=[next(made) for _ in range(EACH)])
                    postings = analyser.postings(live.chunks, "", "en")
                    base = self.tenant.knowledge_base_id
                    await uow.keywords.replace(base, live.document.id, FIRST_ANALYSER, postings)
                    written += weighted(self.tenant, live, postings)
                await uow.commit()
            await self.rows.upsert(self.address, written)
        await asyncio.sleep(FLUSH_SECONDS)

    async def measure(self, name: str, index: KeywordIndex, queries: Sequence[KeywordQuery]) -> None:
        """CPU milliseconds a search by part, and the median of its time."""
        for query in queries[:WARM]:
            await index.search(self.address, query, 60_000)
        parts = {**processes(), "client": psutil.Process(os.getpid())}
        before, times = cpu_seconds(parts), []
        for query in queries:
            began = time.perf_counter()
            await index.search(self.address, query, 60_000)
            times.append((time.perf_counter() - began) * 1000)
        used = {part: s / len(queries) * 1000 for part, s in spent(before, cpu_seconds(parts)).items()}
        shown = " ".join(f"{part} {value:.2f}" for part, value in used.items() if value >= 0.05)
        print(
            f"{name:<12} p50 {median(times):.1f} ms   CPU ms {sum(used.values()):.2f} ({shown})", flush=True
        )


def texts(seed: int, count: int) -> Iterator[str]:
    """Word salads; the frequency of a word falls with its rank as in a language (Zipf 1949)."""
    random = np.random.default_rng(seed)
    ranks = np.arange(1, VOCABULARY + 1)
    chances = (1 / ranks) / (1 / ranks).sum()
    for _ in range(count):
        yield " ".join(f"w{rank}x" for rank in random.choice(VOCABULARY, size=WORDS, p=chances))


def questions(tenant: Tenant, number: int) -> list[KeywordQuery]:
    """Queries of a few words, half frequent, half rare."""
    random = np.random.default_rng(2)
    analyser, found = KeywordAnalyser(), []
    for _ in range(number):
        frequent = random.integers(0, 200, QUERY_WORDS // 2)
        rare = random.integers(200, VOCABULARY, QUERY_WORDS - QUERY_WORDS // 2)
        text = " ".join(f"w{rank}x" for rank in (*frequent, *rare))
        found.append(
            KeywordQuery(
                terms=analyser.query_terms(text),
                analyser_version=FIRST_ANALYSER,
                limit=LIMIT,
                knowledge_base_ids=(tenant.knowledge_base_id,),
            )
        )
    return found


def weighted(tenant: Tenant, live: Live, postings: Sequence[KeywordPosting]) -> Iterator[ChunkWeights]:
    """The rows of a document, as the pipeline would write them."""
    content = IndexContent(live.document, live.version, tenant.knowledge_base, live.chunks)
    found: dict[UUID, dict[int, float]] = {chunk.id: {} for chunk in live.chunks}
    for posting in postings:
        found[posting.chunk_id][posting.term] = posting.weight
    for chunk in live.chunks:
        yield ChunkWeights(**dict(row_of(content, chunk, "kw1")), weights=found[chunk.id])


def alike(left: Sequence[ScoredChunk], right: Sequence[ScoredChunk]) -> bool:
    """Whether two answers have the same scores, whatever the order of ties."""
    return np.allclose([hit.score for hit in left], [hit.score for hit in right], rtol=1e-5)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files of the collection of weights."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file() and "keywords_kw" in str(one))


async def postgresql_bytes(owner_url: str) -> int:
    """Bytes of the postings with their indexes; cleaned up first, as autovacuum does in time."""
    owner = await connect(owner_url)
    try:
        await owner.execute("VACUUM ANALYZE")
        return int(await owner.fetchval("SELECT pg_total_relation_size('keyword_postings')"))
    finally:
        await owner.close()


async def main(passages: int, number: int) -> None:
    """Fills, measures size and cost."""
    settings = with_running_stack(get_settings(), FOR_MIGRATION)
    assert settings.database_url
    assert settings.database_owner_url
    assert settings.milvus_uri
    owner_url = settings.database_owner_url.get_secret_value()
    urls = DatabaseUrls(owner=owner_url, login=settings.database_url.get_secret_value())
    engine = create_engine(urls.login, settings)
    units = SqlUnitOfWorkFactory(engine, settings)
    rows = MilvusChunkIndex(settings.milvus_uri, None, 60.0)
    sparse = MilvusKeywordIndex(units, settings.milvus_uri, None, 60.0)
    async with units.for_workspace(UUID(int=0)) as uow:
        model = await uow.embeddings.default_model()
    tenant = await make_tenant(units, urls, model=model)
    async with units.for_workspace(tenant.workspace_id) as uow:
        address = keyword_address(await uow.workspaces.get(), FIRST_ANALYSER)
    bench = Bench(settings, units, rows, tenant, address, settings.home / "milvus")
    sizes = await postgresql_bytes(owner_url), folder_bytes(bench.directory)
    await bench.fill(passages)
    now = await postgresql_bytes(owner_url), folder_bytes(bench.directory)
    each = [(after - before) / passages for before, after in zip(sizes, now, strict=True)]
    print(f"{passages} passages; bytes a passage: PostgreSQL {each[0]:.0f}, Milvus {each[1]:.0f}", flush=True)
    queries, postings = questions(tenant, number), PostingsIndex(units)
    for query in queries[:WARM]:
        found = [await index.search(address, query, 60_000) for index in (postings, sparse)]
        assert found[0]
        assert alike(*found)
    await bench.measure("postgresql", postings, queries)
    await bench.measure("milvus", sparse, queries)
    await asyncio.gather(rows.close(), sparse.close())
    await engine.dispose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search.keywords", description=__doc__)
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(main(given.passages, given.queries))
