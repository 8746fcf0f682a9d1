"""A short run with a fixed seed, for CI: every promise holds while parts die."""

from __future__ import annotations

import pytest

from tests.faults.run import Plan, run

ROUNDS = 12
SEED = 7
_SECONDS = 540


@pytest.mark.faults
@pytest.mark.timeout(_SECONDS)
async def test_nothing_is_lost_and_nothing_deleted_is_found_while_parts_die() -> None:
    report = await run(Plan(rounds=ROUNDS, seed=SEED))
    told = "\n".join(report.lines())
    assert report.brought == ROUNDS, told
    assert report.findings.accepted > 0, told
    assert report.findings.all_kept, told
