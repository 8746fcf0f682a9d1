"""What every ChunkIndex must do; subclass it with fixtures `index` and `collection`."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from lorebase.ports.chunk_index import ChunkIndex
from lorebase.schemas.filters import DocumentFilter, IntFilter, SearchFilter, StringFilter
from lorebase.schemas.search import PartitionAddress, VectorIdentity, VectorQuery
from tests.contracts.chunk_rows import Passage, address, document, passage, unit_vector


def near(
    base: UUID, limit: int = 10, given: SearchFilter | None = None, ids: tuple[UUID, ...] | None = None
) -> VectorQuery:
    """A search next to angle 0 in one knowledge base."""
    return VectorQuery(
        vector=unit_vector(0.0), limit=limit, knowledge_base_ids=(base,), filter=given, document_ids=ids
    )


class ChunkIndexContract:
    """Sentences about ChunkIndex."""

    @pytest.fixture
    def workspace_id(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def home(self, collection: str, workspace_id: UUID) -> PartitionAddress:
        return address(collection, workspace_id)

    async def store(self, index: ChunkIndex, home: PartitionAddress, *passages: Passage) -> None:
        await index.ensure_partition(home)
        await index.upsert(home, [entry.row for entry in passages])

    async def test_the_nearest_passages_come_first_with_their_cosine(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        source = document(home.workspace_id)
        far, close = passage(source, angle=1.0), passage(source, angle=0.1)
        await self.store(index, home, far, close)
        hits = await index.search(home, near(source.knowledge_base_id))
        assert [hit.chunk_id for hit in hits] == [close.chunk.id, far.chunk.id]
        assert hits[0].score == pytest.approx(0.995004, abs=1e-4)
        assert hits[1].score == pytest.approx(0.540302, abs=1e-4)
        assert {(hit.document_id, hit.generation) for hit in hits} == {(source.id, 1)}

    async def test_no_more_hits_come_than_were_asked_for(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        source = document(home.workspace_id)
        passages = [passage(source, ordinal=n, angle=n / 10) for n in range(5)]
        await self.store(index, home, *passages)
        hits = await index.search(home, near(source.knowledge_base_id, limit=2))
        assert [hit.chunk_id for hit in hits] == [passages[0].chunk.id, passages[1].chunk.id]

    async def test_writing_a_row_again_changes_nothing(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        await self.store(index, home, entry)
        assert await index.count(home, entry.document.id) == 1
        assert len(await index.search(home, near(entry.document.knowledge_base_id))) == 1

    async def test_a_row_written_again_with_other_fields_is_found_by_the_new_ones(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id, title="Old"))
        await self.store(index, home, entry)
        await index.upsert(home, [entry.row.model_copy(update={"title": "New"})])
        base = entry.document.knowledge_base_id
        titled = {
            title: SearchFilter(document=DocumentFilter(title=StringFilter(eq=title)))
            for title in ("Old", "New")
        }
        assert await index.search(home, near(base, given=titled["Old"])) == []
        assert len(await index.search(home, near(base, given=titled["New"]))) == 1

    async def test_many_rows_are_written_in_one_call(self, index: ChunkIndex, home: PartitionAddress) -> None:
        source = document(home.workspace_id)
        await self.store(index, home, *(passage(source, ordinal=n, angle=n / 500) for n in range(1200)))
        assert await index.count(home, source.id) == 1200

    async def test_nothing_is_written_for_no_rows(self, index: ChunkIndex, home: PartitionAddress) -> None:
        await self.store(index, home)
        assert await index.count(home, uuid4()) == 0

    async def test_a_partition_may_be_made_again_and_keeps_its_rows(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        await index.ensure_partition(home)
        assert await index.count(home, entry.document.id) == 1

    async def test_a_tenant_without_a_partition_has_nothing(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        nowhere = address(home.collection, uuid4())
        assert await index.search(nowhere, near(uuid4())) == []
        assert await index.count(nowhere, uuid4()) == 0
        await index.delete(nowhere, uuid4())

    async def test_another_tenant_in_the_same_bucket_sees_nothing(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        stranger = address(home.collection, uuid4(), home.partition)
        assert await index.search(stranger, near(entry.document.knowledge_base_id)) == []
        assert await index.count(stranger, entry.document.id) == 0

    async def test_another_tenant_in_the_same_bucket_deletes_nothing(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        await index.delete(address(home.collection, uuid4(), home.partition), entry.document.id)
        assert await index.count(home, entry.document.id) == 1

    async def test_a_row_of_another_workspace_is_refused_and_nothing_written(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        mine, foreign = passage(document(home.workspace_id)), passage(document(uuid4()))
        await index.ensure_partition(home)
        with pytest.raises(ValueError, match="another workspace"):
            await index.upsert(home, [mine.row, foreign.row])
        assert await index.count(home, mine.document.id) == 0

    async def test_other_knowledge_bases_are_not_searched(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        first, second = passage(document(home.workspace_id)), passage(document(home.workspace_id))
        await self.store(index, home, first, second)
        hits = await index.search(home, near(second.document.knowledge_base_id))
        assert [hit.chunk_id for hit in hits] == [second.chunk.id]

    async def test_no_knowledge_base_means_no_hits(self, index: ChunkIndex, home: PartitionAddress) -> None:
        await self.store(index, home, passage(document(home.workspace_id)))
        query = VectorQuery(vector=unit_vector(0.0), limit=5, knowledge_base_ids=())
        assert await index.search(home, query) == []

    async def test_document_ids_narrow_the_search(self, index: ChunkIndex, home: PartitionAddress) -> None:
        base = uuid4()
        entries = [
            passage(document(home.workspace_id, knowledge_base_id=base), angle=n / 10) for n in range(4)
        ]
        await self.store(index, home, *entries)
        wanted = (entries[1].document.id, entries[3].document.id)
        hits = await index.search(home, near(base, ids=wanted))
        assert [hit.document_id for hit in hits] == list(wanted)
        assert await index.search(home, near(base, ids=())) == []

    async def test_a_filter_narrows_the_search(self, index: ChunkIndex, home: PartitionAddress) -> None:
        source = document(home.workspace_id)
        entries = [passage(source, page=page, angle=(page or 0) / 10) for page in (None, 1, 2, 3)]
        await self.store(index, home, *entries)
        given = SearchFilter(page=IntFilter(gte=2))
        hits = await index.search(home, near(source.knowledge_base_id, given=given))
        assert [hit.chunk_id for hit in hits] == [entries[2].chunk.id, entries[3].chunk.id]

    async def test_a_deleted_document_is_never_found(self, index: ChunkIndex, home: PartitionAddress) -> None:
        base = uuid4()
        kept, gone = (passage(document(home.workspace_id, knowledge_base_id=base)) for _ in range(2))
        await self.store(index, home, kept, gone)
        await index.delete(home, gone.document.id)
        assert await index.count(home, gone.document.id) == 0
        assert [hit.document_id for hit in await index.search(home, near(base))] == [kept.document.id]

    async def test_deleting_below_a_generation_never_touches_it_or_a_newer_one(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        old = document(home.workspace_id)
        live, newer = (old.model_copy(update={"generation": n}) for n in (2, 3))
        await self.store(index, home, passage(old), passage(old), passage(live), passage(newer))
        assert await index.count(home, old.id, generation=1) == 2
        await index.delete(home, old.id, below_generation=2)
        assert [await index.count(home, old.id, generation=n) for n in (1, 2, 3)] == [0, 1, 1]

    async def test_deleting_between_two_generations_leaves_both(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        first = document(home.workspace_id)
        versions = [first.model_copy(update={"generation": n}) for n in (1, 2, 3)]
        await self.store(index, home, *map(passage, versions))
        await index.delete(home, first.id, above_generation=1, below_generation=3)
        assert [await index.count(home, first.id, generation=n) for n in (1, 2, 3)] == [1, 0, 1]

    async def test_deleting_from_an_ordinal_leaves_the_passages_before(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        source = document(home.workspace_id)
        await self.store(index, home, *(passage(source, ordinal=n) for n in range(4)))
        await index.delete(home, source.id, from_ordinal=3)
        assert await index.count(home, source.id) == 3

    async def identities(
        self,
        index: ChunkIndex,
        home: PartitionAddress,
        after: UUID | None = None,
        through: UUID | None = None,
    ) -> list[VectorIdentity]:
        pages = index.identities(home, after=after, through=through)
        return [identity async for page in pages for identity in page]

    async def test_all_rows_of_a_tenant_are_paged_through_each_once(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        sources = [document(home.workspace_id) for _ in range(3)]
        stored = [passage(source, ordinal=n) for source in sources for n in range(2000)]
        await self.store(index, home, *stored)
        stranger = passage(document(uuid4()))
        bucket = address(home.collection, stranger.document.workspace_id, home.partition)
        await self.store(index, bucket, stranger)
        found = await self.identities(index, home)
        assert len(found) == 6000
        assert set(found) == {
            VectorIdentity(
                chunk_id=entry.chunk.id,
                document_id=entry.document.id,
                generation=1,
                ordinal=entry.chunk.ordinal,
            )
            for entry in stored
        }

    async def test_paging_stays_within_the_range_of_documents(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        sources = sorted((document(home.workspace_id) for _ in range(4)), key=lambda source: source.id)
        await self.store(index, home, *map(passage, sources))
        ids = [source.id for source in sources]
        within = await self.identities(index, home, ids[0], ids[2])
        assert sorted(found.document_id for found in within) == ids[1:3]
        assert [found.document_id for found in await self.identities(index, home, ids[2])] == ids[3:]
        nowhere = address(home.collection, uuid4())
        assert await self.identities(index, nowhere) == []

    async def test_many_documents_are_counted_at_once_by_generation(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        first, second, unasked = (document(home.workspace_id) for _ in range(3))
        newer = first.model_copy(update={"generation": 2})
        stored = [passage(one) for one in (first, first, newer, second, unasked)]
        await self.store(index, home, *stored)
        nothing = uuid4()
        found = await index.count_each(home, [first.id, second.id, nothing])
        assert found == {first.id: {1: 2, 2: 1}, second.id: {1: 1}}
        assert await index.count_each(home, []) == {}

    async def test_counting_each_document_sees_every_row_of_large_ones_and_of_many(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        large, *small = (document(home.workspace_id) for _ in range(1200))
        await self.store(index, home, *(passage(large, ordinal=n) for n in range(5001)), *map(passage, small))
        found = await index.count_each(home, [large.id, *(one.id for one in small)])
        assert found == {large.id: {1: 5001}} | {one.id: {1: 1} for one in small}

    async def test_a_document_that_is_named_twice_is_counted_once(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        assert await index.count_each(home, [entry.document.id] * 1200) == {entry.document.id: {1: 1}}

    async def test_written_again_moved_and_deleted_rows_are_counted_as_they_are_now(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        source, gone = document(home.workspace_id), document(home.workspace_id)
        entry = passage(source)
        await self.store(index, home, entry, entry, passage(gone))
        await index.upsert(home, [entry.row.model_copy(update={"generation": 2})])
        await index.delete(home, gone.id)
        assert await index.count_each(home, [source.id, gone.id]) == {source.id: {2: 1}}

    async def test_another_tenant_in_the_same_bucket_counts_nothing(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        stranger = address(home.collection, uuid4(), home.partition)
        assert await index.count_each(stranger, [entry.document.id]) == {}
        assert await index.count_each(address(home.collection, uuid4()), [entry.document.id]) == {}

    async def test_a_knowledge_base_is_counted_and_emptied_without_touching_others(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        doomed, kept = document(home.workspace_id), document(home.workspace_id)
        sibling = document(home.workspace_id, knowledge_base_id=doomed.knowledge_base_id)
        await self.store(index, home, passage(doomed), passage(doomed), passage(sibling), passage(kept))
        stranger = address(home.collection, uuid4(), home.partition)
        base = doomed.knowledge_base_id
        assert (await index.count_all(home, base), await index.count_all(stranger, base)) == (3, 0)
        await index.delete_all(stranger, base)
        assert await index.count_all(home, base) == 3
        await index.delete_all(home, base)
        assert await index.count_all(home, base) == 0
        assert await index.count_all(home, kept.knowledge_base_id) == 1
        await index.delete_all(address(home.collection, uuid4()), base)

    async def test_deleting_twice_is_no_error(self, index: ChunkIndex, home: PartitionAddress) -> None:
        entry = passage(document(home.workspace_id))
        await self.store(index, home, entry)
        await index.delete(home, entry.document.id)
        await index.delete(home, entry.document.id)
        assert await index.count(home, entry.document.id) == 0

    async def test_a_whole_knowledge_base_is_counted_and_deleted_and_no_other(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        base = uuid4()
        first, second = (passage(document(home.workspace_id, knowledge_base_id=base)) for _ in range(2))
        other = passage(document(home.workspace_id))
        await self.store(index, home, first, second, other)
        stranger = address(home.collection, uuid4(), home.partition)
        await index.delete_all(stranger, base)
        assert await index.count_all(stranger, base) == 0
        assert await index.count_all(home, base) == 2
        await index.delete_all(home, base, [first.document.id, other.document.id])
        assert await index.count_all(home, base) == 1
        await index.delete_all(home, base, [])
        assert await index.count_all(home, base) == 1
        await index.delete_all(home, base)
        assert await index.count_all(home, base) == 0
        assert await index.count(home, other.document.id) == 1

    async def test_a_tenant_without_a_partition_has_no_knowledge_base_to_empty(
        self, index: ChunkIndex, home: PartitionAddress
    ) -> None:
        nowhere = address(home.collection, uuid4())
        await index.delete_all(nowhere, uuid4())
        assert await index.count_all(nowhere, uuid4()) == 0
