"""What every KeywordIndex must do; subclass it with fixtures `library`, `tenant` and `neighbour`.

Both tenants share a partition.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest

from lorebase.core.ids import new_id
from lorebase.ports.chunk_index import ChunkIndex
from lorebase.ports.keyword_index import KeywordIndex
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.documents import Chunk
from lorebase.schemas.filters import DocumentFilter, SearchFilter, StringFilter
from lorebase.schemas.search import (
    ChunkWeights,
    KeywordPosting,
    KeywordQuery,
    PartitionAddress,
    ScoredChunk,
)
from lorebase.services.indexes.chunk_rows import row_of
from lorebase.services.indexes.index_content import IndexContent
from tests.integration.sql.factories import Live, Tenant, add_live, knowledge_base

VERSION = 1
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
    """Writes postings as ingestion does, and searches them; PostgreSQL alone has them without `rows`."""

    units: UnitOfWorkFactory
    index: KeywordIndex
    rows: ChunkIndex | None = None
    collection: str = "unused"

    async def home(self, tenant: Tenant) -> PartitionAddress:
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            partition = (await uow.workspaces.get()).partition
        return PartitionAddress(
            collection=self.collection, partition=partition, workspace_id=tenant.workspace_id
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
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            every = [posting for its in found.values() for posting in its]
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, every)
            await uow.commit()
        if self.rows is not None:
            content = IndexContent(live.document, live.version, tenant.knowledge_base, live.chunks)
            home = await self.home(tenant)
            await self.rows.ensure_partition(home)
            await self.rows.upsert(home, [weighted(content, one, found[one.id]) for one in live.chunks])

    async def remove(self, tenant: Tenant, live: Live) -> None:
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.remove(live.document.id)
            await uow.commit()
        if self.rows is not None:
            await self.rows.delete(await self.home(tenant), live.document.id)

    async def lose(self, tenant: Tenant, live: Live, *words: Sequence[int]) -> None:
        """Leaves only the first passages, with these words, and tells nobody."""
        found = [one for part, its in zip(live.chunks, words, strict=False) for one in postings(part, its)]
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            await uow.keywords.replace(tenant.knowledge_base_id, live.document.id, VERSION, found)
            await uow.commit()
        if self.rows is not None:
            await self.rows.delete(await self.home(tenant), live.document.id, from_ordinal=len(words))

    async def postings_of(self, tenant: Tenant, *documents: Live) -> list[int]:
        ids = [live.document.id for live in documents]
        async with self.units.for_workspace(tenant.workspace_id) as uow:
            found = await uow.keywords.count(ids, VERSION)
        return [found.get(one, 0) for one in ids]

    async def missing_rows(self, tenant: Tenant, *documents: Live) -> list[int]:
        """How many passages of each document have no row, where passages have rows."""
        if self.rows is None:
            return [0 for _ in documents]
        found = await self.rows.count_each(await self.home(tenant), [live.document.id for live in documents])
        return [len(live.chunks) - sum(found.get(live.document.id, {}).values()) for live in documents]

    async def search(self, tenant: Tenant, *terms: int, **asked: object) -> list[ScoredChunk]:
        usual = {"limit": 1000, "knowledge_base_ids": [tenant.knowledge_base_id]}
        values = {"terms": terms, "analyser_version": VERSION, **usual, **asked}
        query = KeywordQuery.model_validate(values)
        return await self.index.search(await self.home(tenant), query, 5000)

    async def found(self, tenant: Tenant, *terms: int, **asked: object) -> list[UUID]:
        return [hit.chunk_id for hit in await self.search(tenant, *terms, **asked)]


def weighted(content: IndexContent, chunk: Chunk, found: Sequence[KeywordPosting]) -> ChunkWeights:
    """The row that ingestion would write."""
    weights = {posting.term: posting.weight for posting in found}
    return ChunkWeights(**dict(row_of(content, chunk, f"kw{VERSION}")), weights=weights)


class Corpus:
    """Passages of random words in two knowledge bases, in the library and in memory."""

    def __init__(self) -> None:
        self.live: list[tuple[Live, UUID]] = []
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
            live = await library.add(Tenant(tenant.workspace_id, base, tenant.model), *words)
            self.live.append((live, base.id))
            for passage, its in zip(live.chunks, words, strict=True):
                self.indexed[passage.id] = postings(passage, its)

    def _words(self, chance: random.Random) -> list[int]:
        return chance.choices(WORDS, weights=range(len(WORDS), 0, -1), k=chance.randint(1, 40))

    def chunk_ids(self, bases: set[UUID], documents: set[UUID] | None = None) -> set[UUID]:
        return {
            passage.id
            for live, base in self.live
            for passage in live.chunks
            if base in bases and (documents is None or live.document.id in documents)
        }


class KeywordIndexContract:
    """Sentences about KeywordIndex."""

    @pytest.mark.parametrize("seed", range(6))
    async def test_scores_are_those_of_bm25_over_the_whole_workspace(
        self, library: Library, tenant: Tenant, neighbour: Tenant, seed: int
    ) -> None:
        corpus = Corpus()
        await corpus.write(library, tenant, seed)
        await Corpus().write(library, neighbour, seed + 100)
        terms = set(random.Random(seed).sample(WORDS, 4))
        bases = {base for _, base in corpus.live} if seed % 2 else {tenant.knowledge_base_id}
        documents = {live.document.id for live, _ in corpus.live[::2]} if seed % 3 == 0 else None
        asked = {"knowledge_base_ids": list(bases), "document_ids": documents and list(documents)}
        found = await library.search(tenant, *terms, **asked)
        best = await library.search(tenant, *terms, **asked, limit=3)
        expected = bm25(corpus.indexed, terms, corpus.chunk_ids(bases, documents))
        assert expected
        assert {hit.chunk_id: hit.score for hit in found} == pytest.approx(expected, rel=1e-5)
        assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
        assert [hit.score for hit in best] == [hit.score for hit in found[:3]]
        owners = {passage.id: live.document.id for live, _ in corpus.live for passage in live.chunks}
        assert all(hit.document_id == owners[hit.chunk_id] for hit in found)
        assert {hit.generation for hit in found} <= {1, None}

    async def test_words_are_replaced_and_removed_by_document(self, library: Library, tenant: Tenant) -> None:
        one, other = await library.add(tenant, [1, 2]), await library.add(tenant, [1])
        await library.write(tenant, one, [2, 3])
        assert await library.found(tenant, 1) == [other.chunks[0].id]
        assert await library.found(tenant, 3) == [one.chunks[0].id]
        await library.remove(tenant, one)
        assert await library.found(tenant, 2, 3) == []
        assert await library.found(tenant, 1) == [other.chunks[0].id]

    async def test_what_was_replaced_counts_no_more(self, library: Library, tenant: Tenant) -> None:
        one, other = await library.add(tenant, [1, 2]), await library.add(tenant, [1])
        await library.write(tenant, one, [2])
        [hit] = await library.search(tenant, 1)
        [expected] = bm25(
            {one.chunks[0].id: [], other.chunks[0].id: postings(other.chunks[0], [1])},
            {1},
            {other.chunks[0].id},
        ).values()
        assert hit.score == pytest.approx(expected, rel=1e-5)

    async def test_a_document_that_lost_some_of_its_words_holds_fewer(
        self, library: Library, tenant: Tenant
    ) -> None:
        one = await library.add(tenant, [1, 2, 2], [3], [])
        other = await library.add(tenant, [1, 2, 3])
        lost = 0 if library.rows is None else 2
        assert await library.postings_of(tenant, one, other) == [3, 3]
        assert await library.missing_rows(tenant, one, other) == [0, 0]
        await library.lose(tenant, one, [1])
        assert await library.postings_of(tenant, one, other) == [1, 3]
        assert await library.missing_rows(tenant, one, other) == [lost, 0]
        assert await library.found(tenant, 3) == [other.chunks[0].id]
        await library.write(tenant, one, [1, 2, 2], [3], [])
        assert await library.postings_of(tenant, one, other) == [3, 3]
        assert await library.missing_rows(tenant, one, other) == [0, 0]

    async def test_words_of_neighbours_and_of_unknown_documents_are_not_counted(
        self, library: Library, tenant: Tenant, neighbour: Tenant
    ) -> None:
        mine, theirs = await library.add(tenant, [1, 2]), await library.add(neighbour, [1, 2])
        async with library.units.for_workspace(tenant.workspace_id) as uow:
            ids = [mine.document.id, theirs.document.id, new_id()]
            assert await uow.keywords.count(ids, VERSION) == {mine.document.id: 2}
            assert await uow.keywords.count(ids, VERSION + 1) == {}
            assert await uow.keywords.count([], VERSION) == {}

    async def test_passages_without_words_are_never_found_and_hide_no_others(
        self, library: Library, tenant: Tenant
    ) -> None:
        live = await library.add(tenant, [], [5], [])
        await library.add(tenant, [])
        assert await library.found(tenant, 5) == [live.chunks[1].id]
        assert await library.found(tenant, *WORDS, -1, -2) == []

    async def test_a_query_without_terms_or_with_unknown_ones_finds_nothing(
        self, library: Library, tenant: Tenant
    ) -> None:
        await library.add(tenant, [5])
        assert await library.found(tenant) == []
        assert await library.found(tenant, 6) == []
        assert await library.found(tenant, 5, limit=0) == []

    async def test_a_workspace_without_documents_is_empty(self, library: Library, tenant: Tenant) -> None:
        assert await library.found(tenant, 5) == []

    async def test_a_term_asked_twice_counts_once(self, library: Library, tenant: Tenant) -> None:
        await library.add(tenant, [100], [100, 101], [101])
        twice = await library.search(tenant, 100, 100)
        assert len(twice) == 2
        assert twice == await library.search(tenant, 100)

    async def test_a_term_is_the_same_signed_and_unsigned(self, library: Library, tenant: Tenant) -> None:
        live = await library.add(tenant, [2**32 - 9], [2**31])
        assert await library.found(tenant, -9) == [live.chunks[0].id]
        assert await library.found(tenant, -(2**31)) == [live.chunks[1].id]

    async def test_neighbours_in_a_shared_partition_are_neither_found_nor_counted(
        self, library: Library, tenant: Tenant, neighbour: Tenant
    ) -> None:
        mine = await library.add(tenant, [5], [6])
        alone = await library.search(tenant, 5)
        await library.add(neighbour, [5], [5])
        assert (await library.home(tenant)).partition == (await library.home(neighbour)).partition
        assert await library.search(tenant, 5) == alone
        assert await library.found(tenant, 5, knowledge_base_ids=[neighbour.knowledge_base_id]) == []
        assert [hit.chunk_id for hit in alone] == [mine.chunks[0].id]

    async def test_another_analyser_version_finds_nothing_of_this_one(
        self, library: Library, tenant: Tenant
    ) -> None:
        await library.add(tenant, [5])
        assert await library.found(tenant, 5, analyser_version=VERSION + 1) == []

    async def test_narrowing_to_documents_changes_no_score(self, library: Library, tenant: Tenant) -> None:
        one, _ = await library.add(tenant, [5, 6]), await library.add(tenant, [5])
        every = {hit.chunk_id: hit.score for hit in await library.search(tenant, 5)}
        [hit] = await library.search(tenant, 5, document_ids=[one.document.id])
        assert len(every) == 2
        assert hit.score == every[hit.chunk_id]
        assert await library.found(tenant, 5, document_ids=[]) == []
        assert await library.found(tenant, 5, document_ids=[new_id()]) == []

    async def test_a_filter_hides_nothing_that_matches_it_and_changes_no_score(
        self, library: Library, tenant: Tenant
    ) -> None:
        hostile = '" or workspace_id != "'
        one = await library.add(tenant, [5], title=hostile)
        await library.add(tenant, [5], title="Other")
        every = {hit.chunk_id: hit.score for hit in await library.search(tenant, 5)}
        wanted = SearchFilter(document=DocumentFilter(title=StringFilter(eq=hostile)))
        scores = {hit.chunk_id: hit.score for hit in await library.search(tenant, 5, filter=wanted)}
        assert scores[one.chunks[0].id] == every[one.chunks[0].id]
        assert scores.items() <= every.items()
