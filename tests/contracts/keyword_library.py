"""Passages of given words, written as ingestion writes them, and what BM25 makes of them in memory."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.keyword_index import KeywordIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.analysers import FIRST_ANALYSER, analyser_name
from lorebase.schemas.documents import Chunk
from lorebase.schemas.search import (
    ChunkWeights,
    KeywordPosting,
    KeywordQuery,
    KeywordStatistics,
    PartitionAddress,
    ScoredChunk,
)
from lorebase.services.indexes.chunk_rows import row_of
from lorebase.services.indexes.index_content import IndexContent
from tests.integration.sql.factories import Live, Tenant, add_index, add_live, knowledge_base

VERSION = FIRST_ANALYSER
# Terms are 32 bits, signed or not: the extremes of both, and usual ones.
WORDS = [0, 7, 2**31 - 1, 2**31, 2**32 - 1, *range(100, 130)]


def postings(passage: Chunk, words: Sequence[int]) -> list[KeywordPosting]:
    """What the analyser makes of a passage of these words."""
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


@dataclass(frozen=True)
class Library:
    """Writes postings of an analyser version as ingestion does, and searches them.

    PostgreSQL alone has them without `rows`; with these, each version has a collection that begins with
    `collections`.
    """

    units: UnitOfWorkFactory
    index: KeywordIndex
    rows: ChunkIndex | None = None
    collections: str = "unused"
    version: int = VERSION

    async def beside(self, *tenants: Tenant) -> Library:
        """The same in words of the next version, of which these knowledge bases have an index from now on."""
        other = replace(self, version=self.version + 1)
        for tenant in tenants:
            async with self.units.for_workspace(tenant.workspace_id) as uow:
                await add_index(uow, tenant, tenant.model.id, other.version)
                await uow.commit()
        return other

    async def home(self, tenant: Tenant) -> PartitionAddress:
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            partition = (await uow.workspaces.get()).partition
        return PartitionAddress(
            collection=f"{self.collections}_{analyser_name(self.version)}",
            partition=partition,
            workspace_id=tenant.workspace_id,
        )

    async def add(self, tenant: Tenant, *words: Sequence[int], title: str = "A Title") -> Live:
        """A document that search can find, with a passage of each of these words."""
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            live = await add_live(uow, tenant, texts=["x"] * len(words), title=title)
            await uow.commit()
        await self.write(tenant, live, *words)
        return live

    async def write(self, tenant: Tenant, live: Live, *words: Sequence[int]) -> None:
        """Writes the document's words, in place of any before."""
        found = {one.id: postings(one, its) for one, its in zip(live.chunks, words, strict=True)}
        every = [posting for its in found.values() for posting in its]
        generation, held = live.version.generation, len(live.chunks)
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, self.version, every)
            for index in await uow.embeddings.indexes_of(tenant.knowledge_base_id):
                if index.analyser_version == self.version:
                    await uow.embeddings.commit_document(
                        index.id, live.document.id, generation, held, len(every)
                    )
            await uow.commit()
        if self.rows is not None:
            content = IndexContent(live.document, live.version, tenant.knowledge_base, live.chunks)
            home = await self.home(tenant)
            await self.rows.ensure_partition(home)
            await self.rows.upsert(home, [self._row(content, one, found[one.id]) for one in live.chunks])

    def _row(self, content: IndexContent, chunk: Chunk, found: Sequence[KeywordPosting]) -> ChunkWeights:
        weights = {posting.term: posting.weight for posting in found}
        return ChunkWeights(**dict(row_of(content, chunk, analyser_name(self.version))), weights=weights)

    async def remove(self, tenant: Tenant, live: Live) -> None:
        """Removes a document: its words of every version, and its rows of this one."""
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.remove(live.document.id)
            await uow.commit()
        if self.rows is not None:
            await self.rows.delete(await self.home(tenant), live.document.id)

    async def retire(self, tenant: Tenant) -> None:
        """Removes all words of this version, as the removal of an index does."""
        base_id = tenant.knowledge_base_id
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            assert await uow.keywords.remove_version(base_id, self.version, None, 1000) is not None
            await uow.commit()
        if self.rows is not None:
            await self.rows.delete_all(await self.home(tenant), base_id)

    async def lose(self, tenant: Tenant, live: Live, *words: Sequence[int]) -> None:
        """Leaves only the first passages, with these words, and tells nobody."""
        found = [one for part, its in zip(live.chunks, words, strict=False) for one in postings(part, its)]
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, self.version, found)
            await uow.commit()
        if self.rows is not None:
            await self.rows.delete(await self.home(tenant), live.document.id, from_ordinal=len(words))

    async def postings_of(self, tenant: Tenant, *documents: Live) -> list[int]:
        ids = [live.document.id for live in documents]
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            found = await uow.keywords.count(ids, self.version)
        return [found.get(one, 0) for one in ids]

    async def statistics(self, tenant: Tenant, *terms: int) -> KeywordStatistics:
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            return await uow.keywords.statistics(self.version, terms, 5000)

    async def missing_rows(self, tenant: Tenant, *documents: Live) -> list[int]:
        """How many passages of each document have no row, where passages have rows."""
        if self.rows is None:
            return [0 for _ in documents]
        found = await self.rows.count_each(await self.home(tenant), [live.document.id for live in documents])
        return [len(live.chunks) - sum(found.get(live.document.id, {}).values()) for live in documents]

    async def search(self, tenant: Tenant, *terms: int, **asked: object) -> list[ScoredChunk]:
        usual = {"limit": 1000, "knowledge_base_ids": [tenant.knowledge_base_id]}
        values = {"terms": terms, "analyser_version": self.version, **usual, **asked}
        query = KeywordQuery.model_validate(values)
        return await self.index.search(await self.home(tenant), query, 5000)

    async def found(self, tenant: Tenant, *terms: int, **asked: object) -> list[UUID]:
        return [hit.chunk_id for hit in await self.search(tenant, *terms, **asked)]


class Corpus:
    """Passages of random words in two knowledge bases, in the library and in memory."""

    def __init__(self) -> None:
        self.live: list[tuple[Live, Tenant]] = []
        self.indexed: dict[UUID, list[KeywordPosting]] = {}

    async def write(self, library: Library, tenant: Tenant, seed: int) -> None:
        chance = random.Random(seed)
        other = knowledge_base(tenant.workspace_id)
        async with library.units.for_workspace(tenant.workspace_id) as uow:
            await uow.knowledge_bases.add(other, tenant.model.id)
            await uow.commit()
        for number in range(8):
            base = other if number % 3 == 0 else tenant.knowledge_base
            words = [self._words(chance) for _ in range(chance.randint(1, 5))]
            place = Tenant(tenant.workspace_id, base, tenant.model)
            self._note(place, await library.add(place, *words), words)

    async def beside(self, library: Library, seed: int) -> tuple[Library, Corpus]:
        """The same passages in other words, of the next version."""
        chance, beside = random.Random(seed), Corpus()
        places = {place.knowledge_base_id: place for _, place in self.live}
        other = await library.beside(*places.values())
        for live, place in self.live:
            words = [self._words(chance) for _ in live.chunks]
            await other.write(place, live, *words)
            beside._note(place, live, words)
        return other, beside

    def _note(self, place: Tenant, live: Live, words: Sequence[Sequence[int]]) -> None:
        self.live.append((live, place))
        for passage, its in zip(live.chunks, words, strict=True):
            self.indexed[passage.id] = postings(passage, its)

    def _words(self, chance: random.Random) -> list[int]:
        return chance.choices(WORDS, weights=range(len(WORDS), 0, -1), k=chance.randint(1, 40))

    @property
    def base_ids(self) -> set[UUID]:
        return {place.knowledge_base_id for _, place in self.live}

    def chunk_ids(self, bases: set[UUID], documents: set[UUID] | None = None) -> set[UUID]:
        return {
            passage.id
            for live, place in self.live
            for passage in live.chunks
            if place.knowledge_base_id in bases and (documents is None or live.document.id in documents)
        }
