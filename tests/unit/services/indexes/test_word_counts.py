"""Words are counted so many documents at a time that every statement ends in time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lorebase.core.ids import new_id
from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.services.indexes.word_counts import PASSAGES_OF_A_COUNT, count_words, groups_of
from tests.factories import Tenant
from tests.fakes.world import World

LIBRARIES = st.dictionaries(st.uuids(), st.integers(0, 2 * PASSAGES_OF_A_COUNT), max_size=30)


@given(LIBRARIES)
def test_documents_are_counted_in_groups_of_bounded_size_each_once(passages: Mapping[UUID, int]) -> None:
    groups = list(groups_of(passages))
    assert [one for group in groups for one in group] == list(passages)
    for group in groups:
        assert group
        assert len(group) == 1 or sum(passages[one] for one in group) <= PASSAGES_OF_A_COUNT


@given(LIBRARIES)
def test_no_two_neighbouring_groups_would_fit_into_one(passages: Mapping[UUID, int]) -> None:
    sizes = [sum(passages[one] for one in group) for group in groups_of(passages)]
    assert all(one + following > PASSAGES_OF_A_COUNT for one, following in pairwise(sizes))


async def test_counts_of_all_groups_come_together(world: World, tenant: Tenant) -> None:
    ids = []
    for subject in ("lighthouses", "orchards", "glaciers"):
        accepted = await world.upsert(tenant, f"All about {subject}. " * 30)
        ids.append(accepted.document.id)
    await world.run_all()
    large = dict.fromkeys([*ids, new_id()], PASSAGES_OF_A_COUNT)
    assert len(list(groups_of(large))) == 4
    stored = world.database.state.postings
    expected = {one: len(stored[one, FIRST_ANALYSER].postings) for one in ids}
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        assert await count_words(uow, large, FIRST_ANALYSER) == expected
        assert await count_words(uow, large, FIRST_ANALYSER + 1) == {}
        assert await count_words(uow, {}, FIRST_ANALYSER) == {}
