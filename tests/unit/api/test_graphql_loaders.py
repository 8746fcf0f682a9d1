"""Loaders: one call for many objects, nothing kept longer than an operation."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from lorebase.api.graphql.context import Context
from lorebase.api.graphql.loaders import Loaders, by_id, by_key
from lorebase.api.graphql.schema import NODE_TYPES
from lorebase.core.errors import NotFound, Unauthenticated, Unavailable
from lorebase.core.ids import new_id
from lorebase.schemas.jobs import Job
from tests.factories import make_job, make_settings
from tests.unit.api.fake_services import FakeServices


def context(services: FakeServices, *, anonymous: bool = False) -> Context:
    caller = None if anonymous else services.world.principal
    return Context(caller, services, make_settings(), NODE_TYPES, "t")


async def test_many_lookups_become_one_call_and_keep_their_order() -> None:
    jobs = [make_job() for _ in range(5)]
    calls: list[list[UUID]] = []

    async def fetch(ids: Sequence[UUID]) -> list[Job]:
        calls.append(list(ids))
        return [job for job in reversed(jobs) if job.id in ids]

    loader = by_id(fetch)
    absent = new_id()
    wanted = [jobs[3].id, absent, jobs[0].id, jobs[3].id]
    found = await asyncio.gather(*(loader.load(each) for each in wanted))
    assert found == [jobs[3], None, jobs[0], jobs[3]]
    assert calls == [[jobs[3].id, absent, jobs[0].id]]


async def test_a_mapping_answers_by_key() -> None:
    async def fetch(keys: Sequence[str]) -> Mapping[str, int]:
        return {key: len(key) for key in keys if key}

    loader = by_key(fetch)
    assert await asyncio.gather(loader.load("ab"), loader.load(""), loader.load("c")) == [2, None, 1]


async def test_an_outage_reaches_everybody_who_waits() -> None:
    async def fetch(ids: Sequence[UUID]) -> list[Job]:
        raise Unavailable("Down.")

    loader = by_id(fetch)
    results = await asyncio.gather(loader.load(new_id()), loader.load(new_id()), return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable, Unavailable]


async def test_more_than_a_batch_is_asked_for_in_several_calls() -> None:
    sizes: list[int] = []

    async def fetch(ids: Sequence[UUID]) -> list[Job]:
        sizes.append(len(ids))
        return []

    loader = by_id(fetch)
    await asyncio.gather(*(loader.load(new_id()) for _ in range(1201)))
    assert sizes == [500, 500, 201]


async def test_what_was_loaded_is_kept_within_an_operation_and_forgotten_after() -> None:
    services = FakeServices()
    surroundings, document = context(services), services.world.document
    await surroundings.find("Document", document.id)
    await surroundings.find("Document", document.id)
    assert len(services.calls.named("documents.get_many")) == 1
    surroundings.renew_loaders()
    await surroundings.find("Document", document.id)
    assert len(services.calls.named("documents.get_many")) == 2


async def test_neighbours_are_grouped_by_radius() -> None:
    services = FakeServices()
    loaders = Loaders(services, services.world.principal)
    version = services.world.version.id
    keys = [(version, 0, 1), (version, 1, 1), (version, 0, 2)]
    found = await asyncio.gather(*(loaders.neighbours.load(key) for key in keys))
    assert [[chunk.ordinal for chunk in around or ()] for around in found] == [[1], [0], [1]]
    calls = services.calls.named("contents.neighbours")
    assert sorted(calls, key=str) == sorted(
        [(((version, 0), (version, 1)), 1), (((version, 0),), 2)], key=str
    )


async def test_a_workspace_that_is_not_the_caller_s_is_not_there() -> None:
    services = FakeServices()
    surroundings = context(services)
    assert await surroundings.find("Workspace", services.world.workspace.id) is not None
    assert await surroundings.find("Workspace", new_id()) is None


async def test_what_must_be_there_is_not_found_when_it_is_not() -> None:
    with pytest.raises(NotFound):
        await context(FakeServices()).get("Document", new_id())


async def test_a_type_without_a_lookup_of_its_own_has_no_objects() -> None:
    surroundings = context(FakeServices())
    assert await surroundings.find("Membership", new_id()) is None
    assert await surroundings.find("NoSuchType", new_id()) is None


async def test_nobody_loads_anything() -> None:
    services = FakeServices()
    surroundings = context(services, anonymous=True)
    with pytest.raises(Unauthenticated):
        await surroundings.find("Document", services.world.document.id)
    assert services.calls.made == []


@pytest.mark.parametrize("type_name", sorted(NODE_TYPES))
async def test_every_node_type_finds_its_objects_and_shows_their_global_id(type_name: str) -> None:
    services = FakeServices()
    world = services.world
    stores: dict[str, dict[UUID, object]] = {
        "ApiKey": world.keys,  # type: ignore[dict-item]
        "EmbeddingIndex": world.indexes,  # type: ignore[dict-item]
        "EmbeddingModel": world.models,  # type: ignore[dict-item]
        "DeletionReceipt": world.receipts,  # type: ignore[dict-item]
        "DocumentVersion": world.versions,  # type: ignore[dict-item]
        "Workspace": {world.workspace.id: world.workspace},
        "KnowledgeBase": world.knowledge_bases,  # type: ignore[dict-item]
        "EvaluationSet": world.evaluation_sets,  # type: ignore[dict-item]
        "EvaluationRun": world.evaluation_runs,  # type: ignore[dict-item]
    }
    known = stores.get(type_name) or getattr(world, f"{type_name.lower()}s")
    object_id, value = next(iter(known.items()))
    found = await context(services).find(type_name, object_id)
    assert found is not None
    assert type(found).__name__ == type_name
    assert found.id == world.global_id(type_name, value)
    assert await context(services).find(type_name, new_id()) is None
