"""A world on fakes with one tenant in it."""

import pytest

from lorebase.schemas.knowledge_bases import MetadataField, MetadataFieldType
from tests.factories import Tenant, add_tenant, make_settings
from tests.fakes.job_stage import Stage
from tests.fakes.world import World


@pytest.fixture
async def world() -> World:
    return World()


@pytest.fixture
async def tenant(world: World) -> Tenant:
    return await add_tenant(
        world.database,
        MetadataField(path="author.name", type=MetadataFieldType.STRING),
        MetadataField(path="year", type=MetadataFieldType.NUMBER),
    )


@pytest.fixture
async def stage() -> Stage:
    """Leases are short."""
    world = World(make_settings(job_lease_seconds=0.15))
    return Stage(world, await add_tenant(world.database))
