"""A page of many documents costs PostgreSQL as many statements as a page of one."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from lorebase.core.ids import GlobalId
from lorebase.services.documents.document_contents import ContentService
from tests.factories import Tenant
from tests.fakes.world import World
from tests.integration.sql.recording import recorded
from tests.unit.api.edge import open_edge
from tests.unit.api.fake_services import FakeServices

PAGE = """
query($id: ID!) { node(id: $id) { ... on KnowledgeBase { documents(first: 100) { totalCount nodes {
  title
  currentVersion { id number }
  latestJob { id status }
  knowledgeBase { slug }
  versions(first: 3) { nodes { number mediaType } pageInfo { hasNextPage endCursor } }
} } } } }
"""


VERSIONS = """
query($id: ID!, $after: String) { node(id: $id) { ... on Document {
  versions(first: 1, after: $after) { nodes { number } pageInfo { hasNextPage endCursor } }
} } }
"""


@pytest.fixture
def services(world: World, tenant: Tenant) -> FakeServices:
    """The edge on the real services of documents, versions, jobs and knowledge bases."""
    made = FakeServices()
    made.world.principal = tenant.principal
    made.documents = world.documents  # type: ignore[assignment]
    made.jobs = world.jobs  # type: ignore[assignment]
    made.contents = ContentService(units=world.units, blobs=world.blobs)  # type: ignore[assignment]
    made.knowledge_bases = world.bases  # type: ignore[assignment]
    return made


async def statements(services: FakeServices, tenant: Tenant, engine: AsyncEngine, expected: int) -> list[str]:
    base = tenant.knowledge_base
    async with open_edge(services) as edge:
        variables = {"id": str(GlobalId("KnowledgeBase", tenant.workspace.id, base.id))}
        with recorded(engine) as recorder:
            data = await edge.data(PAGE, variables)
    page = data["node"]["documents"]  # type: ignore[index]
    assert page["totalCount"] == len(page["nodes"]) == expected
    for node in page["nodes"]:
        assert node["currentVersion"]["number"] == 1
        assert node["latestJob"]["status"] == "SUCCEEDED"
        assert node["knowledgeBase"]["slug"] == base.slug
        assert [version["number"] for version in node["versions"]["nodes"]] == [1]
        assert not node["versions"]["pageInfo"]["hasNextPage"]
    return [statement for statement, _ in recorder.statements]


async def test_a_page_of_a_hundred_documents_costs_what_a_page_of_one_does(
    world: World, tenant: Tenant, services: FakeServices, engine: AsyncEngine
) -> None:
    await world.upsert(tenant, "Bread is baked at dawn.")
    await world.run_all()
    one = await statements(services, tenant, engine, 1)
    for number in range(99):
        await world.upsert(tenant, f"Loaf number {number} is baked at dawn.")
    await world.run_all()
    hundred = await statements(services, tenant, engine, 100)
    assert len(hundred) == len(one) <= 10


async def test_versions_go_on_behind_a_first_page_that_came_with_others(
    world: World, tenant: Tenant, services: FakeServices
) -> None:
    for number in range(3):
        accepted = await world.upsert(tenant, f"Loaf number {number}.", external_id="loaf")
        await world.run_all()
    variables: dict[str, object] = {
        "id": str(GlobalId("Document", tenant.workspace.id, accepted.document.id))
    }
    seen = []
    async with open_edge(services) as edge:
        while variables.get("after", "") is not None:
            page = (await edge.data(VERSIONS, variables))["node"]["versions"]  # type: ignore[index]
            seen += [version["number"] for version in page["nodes"]]
            more = page["pageInfo"]
            variables["after"] = more["endCursor"] if more["hasNextPage"] else None
    assert seen == [3, 2, 1]
