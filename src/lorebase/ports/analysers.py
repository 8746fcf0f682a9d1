"""Storage of the versions of the keyword analyser that indexes may use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lorebase.schemas.analysers import RegisteredAnalyser


class AnalyserRepository(Protocol):
    """Versions, shared by all workspaces, read only here."""

    async def all(self) -> Sequence[RegisteredAnalyser]:
        """Every registered version, oldest first; exactly one is the default."""
        ...


class AnalyserRegistry(Protocol):
    """Registration of versions: for the owner role, in `migrate` and admin commands only."""

    async def all(self) -> Sequence[RegisteredAnalyser]:
        """Every registered version, oldest first; exactly one is the default."""
        ...

    async def register(self, version: int) -> None:
        """Adds a version, or makes a deprecated one usable again."""
        ...

    async def choose(self, version: int) -> None:
        """Makes it the one that new knowledge bases use. NotFound for a deprecated or unknown one."""
        ...

    async def deprecate(self, version: int) -> None:
        """From here on no new index can choose it. NotFound."""
        ...

    def removal(self, version: int) -> AbstractAsyncContextManager[None]:
        """Removes the version when the block ends well.

        Conflict(WRONG_STATE) before the block begins while an index of any workspace uses it.
        """
        ...
