"""Services and workers over a real, migrated PostgreSQL; the index, the models and the blobs are fakes."""

from __future__ import annotations

import pytest

from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from lorebase.schemas.embeddings import EmbeddingModel
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase, MetadataField, MetadataFieldType
from lorebase.schemas.workspaces import Principal
from lorebase.services.workspaces import WorkspaceService
from tests.factories import Tenant, make_model, make_settings
from tests.fakes.world import World
from tests.integration.database import (  # noqa: F401
    DatabaseUrls,
    database,
    database_settings,
    engine,
    migrated_template,
    module_database,
    units,
)
from tests.integration.sql.factories import register

LEASE_SECONDS = 0.6


@pytest.fixture
async def world(units: SqlUnitOfWorkFactory) -> World:  # noqa: F811
    """Leases are short: the database's clock cannot be moved."""
    return World(make_settings(job_lease_seconds=LEASE_SECONDS, job_attempts_maximum=1000), units)


@pytest.fixture
async def tenant(world: World, database: DatabaseUrls) -> Tenant:  # noqa: F811
    """A workspace as an operator makes it, with a knowledge base as a caller does."""
    return await make_tenant(world, await register(database, make_model()))


async def make_tenant(world: World, model: EmbeddingModel) -> Tenant:
    """The same for any world."""
    workspaces = WorkspaceService(units=world.units, clock=world.clock, settings=world.settings)
    workspace, key, secret = await workspaces.create_workspace(None, "Integration")
    principal = Principal(workspace_id=workspace.id, api_key_id=key.id, scopes=key.scopes)
    bases = world.bases
    command = CreateKnowledgeBase(
        name="Handbook",
        metadata_fields=(MetadataField(path="year", type=MetadataFieldType.NUMBER),),
    )
    return Tenant(workspace, key, secret, principal, model, await bases.create(principal, command))
