"""Health says which parts answer, and never waits for one that does not."""

from __future__ import annotations

import asyncio

import pytest

from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.services import health
from lorebase.services.health import HealthService


async def answers() -> None:
    return None


async def refuses() -> None:
    raise Unavailable("gone", code=ErrorCode.DATABASE_UNAVAILABLE)


async def refuses_the_connection() -> None:
    raise ConnectionRefusedError


async def hangs() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise RuntimeError("a bug, not an outage")


async def test_each_part_is_named_with_whether_it_answers() -> None:
    checks = await HealthService(
        probes={"database": answers, "redis": refuses, "milvus": refuses_the_connection}
    ).checks()
    assert checks == {"database": True, "redis": False, "milvus": False}


async def test_a_part_that_hangs_counts_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.01)
    assert await HealthService(probes={"models": hangs, "redis": answers}).checks() == {
        "models": False,
        "redis": True,
    }


async def test_a_bug_in_a_probe_is_not_taken_for_an_outage() -> None:
    with pytest.raises(RuntimeError):
        await HealthService(probes={"database": breaks}).checks()
