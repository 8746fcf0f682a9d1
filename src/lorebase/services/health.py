"""Which parts answer, for readiness and the doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from lorebase.core.errors import LorebaseError

PROBE_SECONDS = 2.0

Probe = Callable[[], Awaitable[object]]


class HealthService:
    """Asks every part at once, none longer than two seconds."""

    def __init__(self, *, probes: Mapping[str, Probe]) -> None:
        self._probes = dict(probes)

    async def checks(self) -> dict[str, bool]:
        """Whether each part answers, by its name."""
        answers = await asyncio.gather(*(_answers(probe) for probe in self._probes.values()))
        return dict(zip(self._probes, answers, strict=True))


async def _answers(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            await probe()
    except (LorebaseError, TimeoutError, OSError):
        return False
    return True
