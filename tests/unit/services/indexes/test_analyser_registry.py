"""What operators do with versions of the keyword analyser."""

from __future__ import annotations

import pytest

from lorebase.core.config import KeywordStore, Settings
from lorebase.core.errors import Conflict, ErrorCode, NotFound, Unavailable
from lorebase.services.indexes.analyser_registry import AnalyserRegistryService
from lorebase.services.keywords.analysers import ANALYSERS
from tests.factories import add_tenant, make_settings
from tests.fakes.collections import FakeCollections
from tests.fakes.memory.analysers import MemoryAnalysers
from tests.fakes.unit_of_work import MemoryDatabase

IN_MILVUS = [KeywordStore.BOTH, KeywordStore.MILVUS]


class Office:
    """The service and what stands behind it."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.database = MemoryDatabase()
        self.collections = FakeCollections()
        self.service = AnalyserRegistryService(
            registry=MemoryAnalysers(self.database.state),
            collections=self.collections,
            settings=settings or make_settings(),
        )

    async def states(self) -> dict[str, str]:
        """Registered ones by name."""
        registered = [found.registered for found in await self.service.versions()]
        return {
            known.name: "default" if known.is_default else "deprecated" if known.deprecated_at else "added"
            for known in registered
            if known is not None
        }


@pytest.fixture
def office() -> Office:
    return Office()


async def test_every_version_of_the_release_is_listed_whether_added_or_not(office: Office) -> None:
    listed = await office.service.versions()
    assert [found.name for found in listed] == ["kw1", "kw2"]
    assert [found.version for found in listed] == sorted(ANALYSERS)
    assert [found.registered is not None for found in listed] == [True, False]
    assert all(found.description for found in listed)


async def test_an_added_version_leaves_the_default_alone_until_it_is_chosen(office: Office) -> None:
    await office.service.add("kw2")
    await office.service.add("kw2")
    assert await office.states() == {"kw1": "default", "kw2": "added"}
    await office.service.choose("kw2")
    assert await office.states() == {"kw1": "added", "kw2": "default"}


async def test_a_new_installation_begins_with_the_newest_version(office: Office) -> None:
    await office.service.begin()
    await office.service.begin()
    assert await office.states() == {"kw1": "added", "kw2": "default"}


async def test_a_version_that_is_not_added_cannot_be_chosen_or_retired(office: Office) -> None:
    for change in (office.service.choose, office.service.retire):
        with pytest.raises(NotFound):
            await change("kw2")
    assert await office.states() == {"kw1": "default"}


@pytest.mark.parametrize("name", ["kw0", "kw3", "1", "KW1", "kw01", ""])
async def test_a_name_that_the_release_does_not_know_is_not_found(office: Office, name: str) -> None:
    for change in (office.service.add, office.service.choose, office.service.retire):
        with pytest.raises(NotFound):
            await change(name)


async def test_the_default_is_not_retired(office: Office) -> None:
    with pytest.raises(Conflict) as raised:
        await office.service.retire("kw1")
    assert raised.value.code is ErrorCode.WRONG_STATE
    assert await office.states() == {"kw1": "default"}


async def test_a_version_in_use_stays_deprecated_and_can_be_added_again(office: Office) -> None:
    await add_tenant(office.database)
    await office.service.add("kw2")
    await office.service.choose("kw2")
    with pytest.raises(Conflict) as raised:
        await office.service.retire("kw1")
    assert raised.value.code is ErrorCode.WRONG_STATE
    assert await office.states() == {"kw1": "deprecated", "kw2": "default"}
    with pytest.raises(NotFound):
        await office.service.choose("kw1")
    await office.service.add("kw1")
    assert await office.states() == {"kw1": "added", "kw2": "default"}


async def test_a_version_that_nothing_uses_is_removed(office: Office) -> None:
    await office.service.add("kw2")
    await office.service.retire("kw2")
    assert await office.states() == {"kw1": "default"}


@pytest.mark.parametrize("store", IN_MILVUS)
async def test_words_get_their_collections_when_a_setting_wants_them_and_keep_them_so_long(
    store: KeywordStore,
) -> None:
    office = Office(make_settings(keyword_index=store))
    await office.service.make_collections()
    await office.service.make_collections()
    assert office.collections.names == {"keywords_kw1"}
    await office.service.add("kw2")
    assert office.collections.names == {"keywords_kw1", "keywords_kw2"}
    with pytest.raises(Conflict, match="LOREBASE_KEYWORD_INDEX") as raised:
        await office.service.remove_collections()
    assert raised.value.code is ErrorCode.WRONG_STATE
    await office.service.retire("kw2")
    assert office.collections.names == {"keywords_kw1"}


async def test_a_version_is_not_offered_before_its_collection_is_made() -> None:
    office = Office(make_settings(keyword_index=KeywordStore.MILVUS))
    office.collections.down = True
    with pytest.raises(Unavailable):
        await office.service.add("kw2")
    assert await office.states() == {"kw1": "default"}


async def test_a_version_stays_when_its_collection_cannot_be_dropped() -> None:
    office = Office(make_settings(keyword_index=KeywordStore.BOTH))
    await office.service.add("kw2")
    office.collections.down = True
    with pytest.raises(Unavailable):
        await office.service.retire("kw2")
    assert await office.states() == {"kw1": "default", "kw2": "deprecated"}
    office.collections.down = False
    await office.service.retire("kw2")
    assert await office.states() == {"kw1": "default"}


async def test_words_in_postgresql_get_no_collection_and_those_from_before_can_be_removed(
    office: Office,
) -> None:
    await office.service.make_collections()
    await office.service.add("kw2")
    assert office.collections.names == set()
    office.collections.names = {"keywords_kw1", "keywords_kw2", "chunks_mini_8"}
    await office.service.remove_collections()
    await office.service.remove_collections()
    assert office.collections.names == {"chunks_mini_8"}
