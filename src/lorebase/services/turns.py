"""What one process at a time does every so often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from lorebase.core.errors import LeaseLost
from lorebase.core.ids import new_id
from lorebase.ports.unit_of_work import UnitOfWorkFactory

LEASE = timedelta(minutes=5)

Outcome = TypeVar("Outcome")
Checkpoint = Callable[[], Awaitable[None]]


async def no_checkpoint() -> None:
    """For work that is done by hand, and is nobody's turn."""


class Turns:
    """Processes take turns in a task: a row with a lease says whose it is.

    A process that died, or whose work failed, is followed when its lease has run out.
    """

    def __init__(self, *, units: UnitOfWorkFactory, task: str, every: timedelta) -> None:
        self._units = units
        self._task = task
        self._every = every

    async def take(self, work: Callable[[Checkpoint], Awaitable[Outcome]]) -> Outcome | None:
        """Does the work, unless it was done lately or another process is at it: then None.

        The work awaits what it is given more often than the lease lasts; LeaseLost out of it ends the work.
        """
        holder = new_id()
        async with self._units.for_system() as uow:
            claimed = await uow.periodic.claim(self._task, holder, LEASE, self._every)
            await uow.commit()
        if not claimed:
            return None

        async def renew() -> None:
            await self._renew(holder)

        outcome = await work(renew)
        async with self._units.for_system() as uow:
            await uow.periodic.finish(self._task, holder)
            await uow.commit()
        return outcome

    async def _renew(self, holder: UUID) -> None:
        async with self._units.for_system() as uow:
            held = await uow.periodic.renew(self._task, holder, LEASE)
            await uow.commit()
        if not held:
            raise LeaseLost(f"It is another process's turn to {self._task}.")
