"""Words lost behind everybody's back in a real PostgreSQL are counted, and written again."""

from __future__ import annotations

from uuid import UUID

import pytest

from lorebase.schemas.analysers import FIRST_ANALYSER
from lorebase.schemas.reconciliation import DriftKind
from tests.factories import Tenant
from tests.fakes.world import World
from tests.integration.database import DatabaseUrls, run_statements

ONE_WORD = """
    DELETE FROM keyword_postings WHERE ctid = (
        SELECT ctid FROM keyword_postings WHERE document_id = '{document}' LIMIT 1
    )
"""
A_PASSAGE = """
    DELETE FROM keyword_postings WHERE chunk_id = (
        SELECT chunk_id FROM keyword_postings WHERE document_id = '{document}' LIMIT 1
    )
"""
ALL = "DELETE FROM keyword_postings WHERE document_id = '{document}'"
ONE_TOO_MANY = """
    INSERT INTO keyword_postings
    SELECT workspace_id, analyser_version, term, gen_random_uuid(), document_id, knowledge_base_id, weight
    FROM keyword_postings WHERE document_id = '{document}' LIMIT 1
"""


async def counted(world: World, tenant: Tenant, ids: list[UUID]) -> dict[UUID, int]:
    async with world.units.for_workspace(tenant.workspace.id) as uow:
        return dict(await uow.keywords.count(ids, FIRST_ANALYSER))


@pytest.mark.parametrize(
    ("fault", "change"),
    [(ONE_WORD, -1), (A_PASSAGE, None), (ALL, None), (ONE_TOO_MANY, 1)],
    ids=["one word", "a passage", "all", "one too many"],
)
async def test_a_document_whose_words_are_not_those_on_record_is_found_and_mended(
    world: World, tenant: Tenant, database: DatabaseUrls, fault: str, change: int | None
) -> None:
    ids = []
    for subject in ("lighthouses", "orchards", "glaciers"):
        accepted = await world.upsert(tenant, f"All about {subject} and harbours. " * 60)
        ids.append(accepted.document.id)
    await world.run_all()
    before = await counted(world, tenant, ids)
    assert (await world.reconcile(tenant)).found == 0
    await run_statements(database.owner, fault.format(document=ids[1]))
    after = await counted(world, tenant, ids)
    assert [one for one in ids if after.get(one) != before[one]] == [ids[1]]
    assert change is None or after[ids[1]] == before[ids[1]] + change
    report = await world.reconcile(tenant)
    assert [(one.kind, one.document_id) for one in report.examples] == [(DriftKind.WRONG_COUNTS, ids[1])]
    await world.run_all()
    assert await counted(world, tenant, ids) == before
    assert (await world.reconcile(tenant, repair=False)).found == 0
