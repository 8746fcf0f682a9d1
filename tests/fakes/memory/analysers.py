"""Versions of the keyword analyser in memory, for readers and for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from lorebase.core.errors import Conflict, ErrorCode, NotFound
from lorebase.schemas.analysers import RegisteredAnalyser
from tests.fakes.clock import START
from tests.fakes.memory.state import State


class MemoryAnalysers:
    """AnalyserRepository and AnalyserRegistry; see ports/analysers.py."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def all(self) -> Sequence[RegisteredAnalyser]:
        return [known for _, known in sorted(self._state.analysers.items())]

    async def register(self, version: int) -> None:
        held = self._state.analysers.get(version)
        new = RegisteredAnalyser(version=version, is_default=False, deprecated_at=None, created_at=START)
        self._state.analysers[version] = held.model_copy(update={"deprecated_at": None}) if held else new

    async def choose(self, version: int) -> None:
        if self._known(version).deprecated_at is not None:
            raise NotFound("There is no such analyser.")
        for known in list(self._state.analysers.values()):
            chosen = known.model_copy(update={"is_default": known.version == version})
            self._state.analysers[known.version] = chosen

    async def deprecate(self, version: int) -> None:
        gone = self._known(version).model_copy(update={"deprecated_at": START})
        self._state.analysers[version] = gone

    @asynccontextmanager
    async def removal(self, version: int) -> AsyncIterator[None]:
        self._known(version)
        if any(index.analyser_version == version for index in self._state.indexes.values()):
            raise Conflict("Indexes still use the analyser.", code=ErrorCode.WRONG_STATE)
        yield
        del self._state.analysers[version]

    def _known(self, version: int) -> RegisteredAnalyser:
        if version not in self._state.analysers:
            raise NotFound("There is no such analyser.")
        return self._state.analysers[version]
