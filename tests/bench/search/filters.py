"""Filtered search over 20,000 passages: `python -m tests.bench.search.filters [--documents N] [--queries N]`.

Fills a knowledge base of its own in the stack of LOREBASE_HOME, past the pipeline: sentences of common words
embedded by the local model, each with neighbours made by noise. Then it searches by meaning through the
public API, with filters that let 0.1% to 50% of the documents through, and compares the first ten
passages with those of an exact search. CPU is that of all parts of the stack, the client left out.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from uuid import UUID

import httpx
import numpy as np
import numpy.typing as npt

from lorebase.cli.connection.responses import payload_of
from lorebase.cli.connection.running_stack import FOR_SERVICES, with_running_stack
from lorebase.cli.connection.session import Session, open_session
from lorebase.core.config import EMBEDDED_EMBEDDING_MODEL, Settings, get_settings
from lorebase.core.ids import parse_global_id
from lorebase.repositories.database import create_engine
from lorebase.repositories.milvus.chunks import MilvusChunkIndex
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.search import ChunkVector, PartitionAddress
from lorebase.services.keywords.keywords import KeywordAnalyser
from tests.bench.stack.measure import cpu_seconds, processes, spent
from tests.integration.sql.factories import Live, Tenant, add_live

PASSAGES = 20_000
SENTENCES = 400
SHARES = (0.1, 1, 10, 50)
PLACES = 1000
NOISE = 0.03
WARM = 10
FLUSH_SECONDS = 20
WORDS = (
    "river market engine letter winter garden signal bridge teacher doctor metal forest island cotton "
    "harbour planet museum border captain kitchen library shadow weather village candle mirror thunder "
    "carries repairs follows crosses measures forgets paints opens quickly slowly never often behind under"
)

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Filled:
    """The knowledge base, and every passage with its vector and the place of its document among PLACES."""

    knowledge_base_id: str
    ids: list[UUID]
    vectors: Array
    places: npt.NDArray[np.int64]


def sentences(seed: int, count: int) -> list[str]:
    """Word salads of ten words."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS.split(), size=10)) + "." for _ in range(count)]


def embed(settings: Settings, texts: Sequence[str]) -> Array:
    """Vectors of the local model."""
    asked = {"model": EMBEDDED_EMBEDDING_MODEL, "input": list(texts)}
    response = httpx.post(f"{settings.local_models_url}/embeddings", json=asked, timeout=300, trust_env=False)
    return np.asarray([entry["embedding"] for entry in response.json()["data"]], dtype=np.float32)


def around(centres: Array, count: int) -> Array:
    """Unit vectors near the centres, as many as asked."""
    random = np.random.default_rng(2)
    noise = random.normal(scale=NOISE, size=(count, centres.shape[1]))
    vectors = centres[np.arange(count) % len(centres)] + noise.astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


async def create(session: Session) -> str:
    """A new knowledge base that declares the field of the filter."""
    declared = [{"path": "place", "type": "NUMBER"}]
    asked = {"workspaceId": session.workspace_id, "name": "Filters", "metadataFields": declared}
    data = await session.client.run("create-knowledge-base", {"input": asked})
    return str(payload_of(data, "createKnowledgeBase")["knowledgeBase"]["id"])


async def fill(
    settings: Settings, knowledge_base_id: str, documents: int, texts: Sequence[str] | None = None
) -> Filled:
    """Writes documents with passages and vectors straight into the stores; given texts have postings too."""
    assert settings.milvus_uri is not None
    found = parse_global_id(knowledge_base_id)
    engine = create_engine(settings.database_url.get_secret_value(), settings)  # type: ignore[union-attr]
    units = SqlUnitOfWorkFactory(engine, settings)
    index = MilvusChunkIndex(settings.milvus_uri, None, 60.0)
    async with units.for_workspace(found.workspace_id) as uow:
        base = await uow.knowledge_bases.get(found.object_id)
        (held,) = await uow.embeddings.get_indexes([base.active_index_id])
        workspace = await uow.workspaces.get()
    tenant = Tenant(workspace.id, base, held.model)
    address = PartitionAddress(
        collection=held.model.collection, partition=workspace.partition, workspace_id=workspace.id
    )
    passages = len(texts or range(PASSAGES))
    vectors = around(embed(settings, (texts or sentences(0, SENTENCES))[:SENTENCES]), passages)
    each = passages // documents
    analyser = KeywordAnalyser()
    ids: list[UUID] = []
    await index.ensure_partition(address)
    for start in range(0, documents, 250):
        part: list[ChunkVector] = []
        async with units.for_workspace(workspace.id) as uow:
            for number in range(start, min(start + 250, documents)):
                places = range(number * each, (number + 1) * each)
                said = [texts[place] if texts else f"passage {place}" for place in places]
                live = await add_live(uow, tenant, texts=said, metadata={"place": number % PLACES})
                postings = analyser.postings(live.chunks, live.document.title, "en") if texts else []
                await uow.keywords.replace(base.id, live.document.id, FIRST_ANALYSER, postings)
                part += rows(live, tenant, vectors[number * each :], number % PLACES)
            await uow.commit()
        await index.upsert(address, part)
        ids += [row.chunk_id for row in part]
        print(f"filled {len(ids)}", flush=True)
    await index.close()
    await engine.dispose()
    return Filled(knowledge_base_id, ids, vectors, (np.arange(passages) // each) % PLACES)


def rows(live: Live, tenant: Tenant, vectors: Array, place: int) -> Iterator[ChunkVector]:
    """The rows of a document, as the pipeline would write them."""
    for chunk, vector in zip(live.chunks, vectors, strict=False):
        yield ChunkVector(
            chunk_id=chunk.id,
            workspace_id=tenant.workspace_id,
            knowledge_base_id=tenant.knowledge_base_id,
            document_id=live.document.id,
            version_id=live.version.id,
            generation=live.version.generation,
            ordinal=chunk.ordinal,
            embedding_version=f"{tenant.model.name}@{tenant.model.version}",
            source=live.document.title,
            context="",
            title=live.document.title,
            media_type=live.version.media_type,
            language=None,
            tags=(),
            metadata={"place": place},
            page=None,
            token_count=chunk.token_count,
            created_at=live.document.created_at,
            vector=tuple(vector.tolist()),
        )


async def measure(
    session: Session, filled: Filled, queries: Mapping[str, Array], share: float | None
) -> None:
    """Recall@10 against exact search, and CPU milliseconds a query."""
    wanted: dict[str, object] = {"knowledgeBaseIds": [filled.knowledge_base_id], "mode": "VECTOR"}
    if share is not None:
        below = {"path": "place", "value": {"number": {"lt": share * PLACES / 100}}}
        wanted["filter"] = {"document": {"metadata": [below]}}
    allowed = filled.places < PLACES * (100 if share is None else share) / 100
    for text in list(queries)[:WARM]:
        await search(session, wanted, text)
    parts = processes()
    before = cpu_seconds(parts)
    found = {text: await search(session, wanted, text) for text in queries}
    used = {part: s / len(queries) * 1000 for part, s in spent(before, cpu_seconds(parts)).items()}
    recalls = [len(found[text] & exact(filled, vector, allowed)) / 10 for text, vector in queries.items()]
    name = "unfiltered" if share is None else f"{share}%"
    shown = " ".join(f"{part} {value:.1f}" for part, value in used.items() if value >= 0.05)
    total = f"CPU ms {sum(used.values()):.1f} ({shown})"
    print(f"{name:<12} recall@10 {fmean(recalls):.3f}   {total}", flush=True)


async def search(session: Session, wanted: Mapping[str, object], text: str) -> set[UUID]:
    """The first ten passages."""
    data = await session.client.run("search", {"input": {**wanted, "query": text}, "first": 10})
    return {parse_global_id(hit["chunk"]["id"]).object_id for hit in data["search"]["nodes"]}


def exact(filled: Filled, vector: Array, allowed: npt.NDArray[np.bool_]) -> set[UUID]:
    """The ten nearest of those that the filter lets through."""
    scores = np.where(allowed, filled.vectors @ vector, -2.0)
    return {filled.ids[place] for place in np.argsort(-scores)[:10]}


async def main(documents: int, number: int) -> None:
    """Fills, waits for the owner's flush, measures."""
    settings = with_running_stack(get_settings(), FOR_SERVICES)
    texts = sentences(1, number)
    queries = dict(zip(texts, embed(settings, texts), strict=True))
    async with open_session() as session:
        filled = await fill(settings, await create(session), documents)
        await asyncio.sleep(FLUSH_SECONDS)
        for share in (None, *SHARES):
            await measure(session, filled, queries, share)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search.filters", description=__doc__)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--queries", type=int, default=50)
    given = parser.parse_args()
    asyncio.run(main(given.documents, given.queries))
