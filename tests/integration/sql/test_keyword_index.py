"""The keyword index against BM25 written down in Python."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from uuid import UUID

import pytest
from sqlalchemy import text

from lorebase.core.errors import Transient
from lorebase.core.ids import new_id
from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import KeywordPosting, KeywordQuery
from tests.integration.database import DatabaseUrls, connect
from tests.integration.sql.factories import Live, Tenant, add_live, knowledge_base

Units = SqlUnitOfWorkFactory
VERSION = 1
WORDS = [0, 7, 2**31 - 1, 2**31, 2**32 - 1, *range(100, 130)]


def postings(passage: Chunk, words: Sequence[int]) -> list[KeywordPosting]:
    length = len(words)
    return [
        KeywordPosting(
            term=term,
            chunk_id=passage.id,
            weight=count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 100)),
        )
        for term, count in Counter(words).items()
    ]


def bm25(indexed: dict[UUID, list[KeywordPosting]], terms: set[int], allowed: set[UUID]) -> dict[UUID, float]:
    """idf over all passages, scores of the allowed ones."""
    frequency = Counter(posting.term for found in indexed.values() for posting in found)
    scores: dict[UUID, float] = defaultdict(float)
    for chunk_id, found in indexed.items():
        for posting in found:
            if posting.term in terms and chunk_id in allowed:
                seen = frequency[posting.term]
                idf = math.log(1 + (len(indexed) - seen + 0.5) / (seen + 0.5))
                scores[chunk_id] += posting.weight * idf
    return dict(scores)


class Corpus:
    """Passages of random words in two knowledge bases, in the database and in memory."""

    def __init__(self) -> None:
        self.live: list[tuple[Live, UUID]] = []
        self.indexed: dict[UUID, list[KeywordPosting]] = {}

    async def write(self, units: Units, tenant: Tenant, seed: int) -> None:
        chance = random.Random(seed)
        other = knowledge_base(tenant.workspace_id)
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.knowledge_bases.add(other, tenant.model.id)
            for number in range(12):
                base = other if number % 3 == 0 else tenant.knowledge_base
                at = Tenant(tenant.workspace_id, base, tenant.model)
                live = await add_live(uow, at, texts=["x"] * chance.randint(1, 5))
                written: list[KeywordPosting] = []
                for passage in live.chunks:
                    words = chance.choices(WORDS, weights=range(len(WORDS), 0, -1), k=chance.randint(1, 40))
                    self.indexed[passage.id] = postings(passage, words)
                    written += self.indexed[passage.id]
                await uow.keywords.replace(base.id, live.document.id, VERSION, written)
                self.live.append((live, base.id))
            await uow.commit()

    def chunk_ids(self, bases: set[UUID], documents: set[UUID] | None = None) -> set[UUID]:
        return {
            passage.id
            for live, base in self.live
            for passage in live.chunks
            if base in bases and (documents is None or live.document.id in documents)
        }


@pytest.mark.parametrize("seed", range(6))
async def test_scores_are_those_of_bm25_over_the_whole_workspace(
    units: Units, tenant: Tenant, neighbour: Tenant, seed: int
) -> None:
    corpus = Corpus()
    await corpus.write(units, tenant, seed)
    await Corpus().write(units, neighbour, seed + 100)
    chance = random.Random(seed)
    terms = set(chance.sample(WORDS, 4))
    bases = {base for _, base in corpus.live} if seed % 2 else {tenant.knowledge_base_id}
    documents = {live.document.id for live, _ in corpus.live[::2]} if seed % 3 == 0 else None
    query = KeywordQuery(
        terms=tuple(terms),
        analyser_version=VERSION,
        limit=1000,
        knowledge_base_ids=tuple(bases),
        document_ids=None if documents is None else tuple(documents),
    )
    async with units.for_workspace(tenant.workspace_id) as uow:
        found = await uow.keywords.search(query, 5000)
        best = await uow.keywords.search(query.model_copy(update={"limit": 3}), 5000)
    expected = bm25(corpus.indexed, terms, corpus.chunk_ids(bases, documents))
    assert expected
    assert {hit.chunk_id: hit.score for hit in found} == pytest.approx(expected, rel=1e-5)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert best == found[:3]
    owners = {passage.id: live.document.id for live, _ in corpus.live for passage in live.chunks}
    assert all(hit.document_id == owners[hit.chunk_id] and hit.generation == 1 for hit in found)


async def search(units: Units, tenant: Tenant, *terms: int, **fields: int) -> list[UUID]:
    query = KeywordQuery(
        terms=terms,
        analyser_version=fields.get("analyser_version", VERSION),
        limit=10,
        knowledge_base_ids=(tenant.knowledge_base_id,),
    )
    async with units.for_workspace(tenant.workspace_id) as uow:
        return [hit.chunk_id for hit in await uow.keywords.search(query, 5000)]


async def test_postings_are_replaced_and_removed_by_document(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("a",))
        other = await add_live(uow, tenant, texts=("a",))
        (passage,), base = live.chunks, tenant.knowledge_base_id
        await uow.keywords.replace(base, live.document.id, VERSION, postings(passage, [1, 2]))
        await uow.keywords.replace(base, live.document.id, VERSION, postings(passage, [2, 3]))
        await uow.keywords.replace(base, live.document.id, 2, postings(passage, [9]))
        await uow.keywords.replace(base, other.document.id, VERSION, postings(other.chunks[0], [1]))
        await uow.commit()
    assert await search(units, tenant, 1) == [other.chunks[0].id]
    assert await search(units, tenant, 3) == [passage.id]
    assert await search(units, tenant, 9) == []
    assert await search(units, tenant, 9, analyser_version=2) == [passage.id]
    async with units.for_workspace(tenant.workspace_id) as uow:
        await uow.keywords.remove(live.document.id)
        await uow.commit()
    assert await search(units, tenant, 2, 3) == []
    assert await search(units, tenant, 9, analyser_version=2) == []
    assert await search(units, tenant, 1) == [other.chunks[0].id]


async def test_a_document_without_words_and_a_query_without_terms_are_no_errors(
    units: Units, tenant: Tenant
) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, [])
        await uow.commit()
    assert await search(units, tenant) == []
    assert await search(units, tenant, 5) == []


async def test_a_term_asked_twice_counts_once(units: Units, tenant: Tenant) -> None:
    corpus = Corpus()
    await corpus.write(units, tenant, 1)
    query = KeywordQuery(
        terms=(100, 100), analyser_version=VERSION, limit=5, knowledge_base_ids=(tenant.knowledge_base_id,)
    )
    async with units.for_workspace(tenant.workspace_id) as uow:
        twice = await uow.keywords.search(query, 5000)
        assert twice == await uow.keywords.search(query.model_copy(update={"terms": (100,)}), 5000)
    assert twice


async def test_a_search_that_takes_too_long_is_transient_and_the_transaction_goes_on(
    units: Units, tenant: Tenant, database: DatabaseUrls
) -> None:
    corpus = Corpus()
    await corpus.write(units, tenant, 1)
    owner = await connect(database.owner)
    query = KeywordQuery(
        terms=(100,), analyser_version=VERSION, limit=5, knowledge_base_ids=(tenant.knowledge_base_id,)
    )
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE keyword_postings IN ACCESS EXCLUSIVE MODE")
            async with units.for_workspace(tenant.workspace_id) as uow:
                with pytest.raises(Transient) as raised:
                    await uow.keywords.search(query, 50)
                assert raised.value.retryable
                assert (await uow.workspaces.get()).id == tenant.workspace_id
                timeout = await uow.database.first(text("SHOW statement_timeout"))
                assert timeout == ("15s",)
        async with units.for_workspace(tenant.workspace_id) as uow:
            assert await uow.keywords.search(query, 5000)
            assert await uow.database.first(text("SHOW statement_timeout")) == ("15s",)
    finally:
        await owner.close()


async def test_writers_of_the_same_words_never_wait_in_a_circle(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        documents = [await add_live(uow, tenant, texts=["x"] * 20) for _ in range(8)]
        await uow.commit()

    async def write(live: Live, seed: int) -> None:
        chance = random.Random(seed)
        words = [chance.sample(range(1000), 50) for _ in live.chunks]
        found = [p for one, its in zip(live.chunks, words, strict=True) for p in postings(one, its)]
        chance.shuffle(found)
        async with units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, found)
            await uow.commit()

    await asyncio.gather(*(write(live, seed) for seed, live in enumerate(documents * 2)))
    assert len(await search(units, tenant, *range(1000))) == 10


async def test_a_posting_without_its_passage_is_no_hit(units: Units, tenant: Tenant) -> None:
    async with units.for_workspace(tenant.workspace_id) as uow:
        live = await add_live(uow, tenant, texts=("a",))
        stray = KeywordPosting(term=5, chunk_id=new_id(), weight=1.0)
        await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, [stray])
        await uow.commit()
    assert await search(units, tenant, 5) == []
