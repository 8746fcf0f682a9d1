"""What every KeywordIndex must do; subclass it with fixtures `library`, `tenant` and `neighbour`.

Both tenants share a partition, and indexes may name a second version of the analyser.
"""

from __future__ import annotations

import random

import pytest

from lorebase.core.ids import new_id
from lorebase.schemas.filters import DocumentFilter, SearchFilter, StringFilter
from tests.contracts.keyword_library import VERSION, WORDS, Corpus, Library, bm25, postings
from tests.integration.sql.factories import Tenant


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
        bases = corpus.base_ids if seed % 2 else {tenant.knowledge_base_id}
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

    async def test_a_document_in_words_of_two_analysers_is_found_by_those_of_the_one_that_is_asked(
        self, library: Library, tenant: Tenant
    ) -> None:
        other = await library.beside(tenant)
        live = await library.add(tenant, [5, 6], [7])
        await other.write(tenant, live, [5], [9])
        first, second = [passage.id for passage in live.chunks]
        assert (await library.found(tenant, 5), await other.found(tenant, 5)) == ([first], [first])
        assert (await library.found(tenant, 6), await other.found(tenant, 6)) == ([first], [])
        assert (await library.found(tenant, 7), await other.found(tenant, 7)) == ([second], [])
        assert (await library.found(tenant, 9), await other.found(tenant, 9)) == ([], [second])

    @pytest.mark.parametrize("seed", range(3))
    async def test_scores_of_each_analyser_are_those_of_bm25_over_its_own_words(
        self, library: Library, tenant: Tenant, seed: int
    ) -> None:
        corpus = Corpus()
        await corpus.write(library, tenant, seed)
        other, beside = await corpus.beside(library, seed + 100)
        terms = set(random.Random(seed).sample(WORDS, 4))
        for place, held in ((library, corpus), (other, beside)):
            found = await place.search(tenant, *terms, knowledge_base_ids=list(held.base_ids))
            expected = bm25(held.indexed, terms, held.chunk_ids(held.base_ids))
            assert expected
            assert {hit.chunk_id: hit.score for hit in found} == pytest.approx(expected, rel=1e-5)

    async def test_words_of_two_analysers_are_counted_each_by_itself(
        self, library: Library, tenant: Tenant
    ) -> None:
        other = await library.beside(tenant)
        one = await library.add(tenant, [5, 6], [5])
        alone = await library.add(tenant, [5])
        assert (await other.statistics(tenant, 5)).frequencies == {}
        await other.write(tenant, one, [5, 8, 9], [9])
        ours, theirs = [await place.statistics(tenant, 5, 6, 9) for place in (library, other)]
        assert (ours.passages, ours.frequencies) == (3, {5: 3, 6: 1})
        assert (theirs.passages, theirs.frequencies) == (2, {5: 1, 9: 2})
        assert await library.postings_of(tenant, one, alone) == [3, 1]
        assert await other.postings_of(tenant, one, alone) == [4, 0]
        assert await library.missing_rows(tenant, one, alone) == [0, 0]
        assert await other.missing_rows(tenant, one, alone) == [0, 0 if library.rows is None else 1]

    async def test_words_replaced_or_lost_under_one_analyser_leave_those_of_the_other(
        self, library: Library, tenant: Tenant
    ) -> None:
        other = await library.beside(tenant)
        live = await library.add(tenant, [5, 6], [7])
        await other.write(tenant, live, [5], [9])
        before = await library.search(tenant, 5, 6, 7)
        await other.write(tenant, live, [8], [8])
        assert await other.found(tenant, 5, 9) == []
        await other.lose(tenant, live, [8])
        assert await other.found(tenant, 8) == [live.chunks[0].id]
        assert await other.postings_of(tenant, live) == [1]
        assert await library.search(tenant, 5, 6, 7) == before
        assert await library.postings_of(tenant, live) == [3]
        assert await library.missing_rows(tenant, live) == [0]

    @pytest.mark.parametrize("is_first", [True, False])
    async def test_the_removal_of_one_analysers_words_leaves_the_others_and_the_neighbours(
        self, library: Library, tenant: Tenant, neighbour: Tenant, is_first: bool
    ) -> None:
        other = await library.beside(tenant, neighbour)
        removed, kept = (library, other) if is_first else (other, library)
        live, theirs = await library.add(tenant, [5, 6], [7]), await library.add(neighbour, [5], [7])
        await other.write(tenant, live, [5], [7, 9])
        await other.write(neighbour, theirs, [5], [7])
        before = [await kept.search(tenant, 5, 6, 7, 9), await removed.search(neighbour, 5, 7)]
        await removed.retire(tenant)
        assert await removed.found(tenant, 5, 6, 7, 9) == []
        assert await removed.postings_of(tenant, live) == [0]
        assert await removed.missing_rows(tenant, live) == [0 if library.rows is None else 2]
        assert [await kept.search(tenant, 5, 6, 7, 9), await removed.search(neighbour, 5, 7)] == before
        assert await kept.postings_of(tenant, live) == [3]
        assert await kept.missing_rows(tenant, live) == [0]

    async def test_a_removed_document_is_found_by_the_words_of_no_analyser(
        self, library: Library, tenant: Tenant
    ) -> None:
        other = await library.beside(tenant)
        live, stays = await library.add(tenant, [5]), await library.add(tenant, [5])
        for one in (live, stays):
            await other.write(tenant, one, [5, 9])
        await library.remove(tenant, live)
        # PostgreSQL gave up the words of both at once, the vector store one collection after another.
        assert [await place.postings_of(tenant, live) for place in (library, other)] == [[0], [0]]
        await other.remove(tenant, live)
        for place in (library, other):
            assert await place.found(tenant, 5, 9) == [stays.chunks[0].id]

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
