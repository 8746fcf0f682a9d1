"""Every test here gets units of work over a real, migrated PostgreSQL."""

import pytest

from lorebase.repositories.unit_of_work import SqlUnitOfWorkFactory
from tests.integration.database import (  # noqa: F401
    DatabaseUrls,
    database,
    database_settings,
    engine,
    migrated_template,
    module_database,
    units,
)
from tests.integration.sql.factories import Tenant, make_tenant


@pytest.fixture
async def tenant(units: SqlUnitOfWorkFactory, database: DatabaseUrls) -> Tenant:  # noqa: F811
    """A workspace with a knowledge base."""
    return await make_tenant(units, database)


@pytest.fixture
async def neighbour(units: SqlUnitOfWorkFactory, database: DatabaseUrls, tenant: Tenant) -> Tenant:  # noqa: F811
    """Another workspace with a knowledge base."""
    return await make_tenant(units, database, model=tenant.model)
