"""Does to the running stack what the schedule says."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.faults.history import History, Kind, Operation, Outcome
from tests.faults.model_server import WELL
from tests.faults.schedule import INSTANT, WORKERS, Fault
from tests.faults.stack import FaultStack

_NO_BYTES = 0
_API_PATIENCE_SECONDS = 20.0
_WRITERS = ("api", *WORKERS)


class Injector:
    """Brings one fault after the other; the parts recover while the next ones come."""

    def __init__(self, stack: FaultStack, history: History) -> None:
        self._stack = stack
        self.history = history
        self.brought = 0

    async def bring(self, fault: Fault) -> None:
        """Waits for the fault's pause, brings it, holds it, and ends it.

        What lasts for a while and then is over waits until the API is there: nobody would notice it before.
        """
        await asyncio.sleep(fault.pause)
        if fault.family not in INSTANT:
            await self._stack.running("api", seconds=_API_PATIENCE_SECONDS)
        began = self.history.now()
        note = await self._bring(fault)
        outcome = Outcome.REFUSED if note else Outcome.ACKNOWLEDGED
        self.brought += not note
        self.history.add(
            Operation(Kind.FAULT, outcome, began, self.history.now(), name=fault.kind, note=note)
        )

    async def _bring(self, fault: Fault) -> str:
        """Why the fault could not be brought; empty when it was."""
        match fault.family:
            case "kill":
                return await self._kill(fault.target)
            case "freeze":
                return await self._freeze(fault)
            case "flush":
                return await self._flush()
            case "cut" | "hole":
                await self._disturb(fault)
            case "disk":
                async with self._disk_full():
                    await asyncio.sleep(fault.seconds)
            case "embeddings" | "chat":
                self._stack.models.moods[fault.family] = fault.target
                await asyncio.sleep(fault.seconds)
                self._stack.models.moods[fault.family] = WELL
        return ""

    async def _kill(self, name: str) -> str:
        pid = await self._stack.running(name)
        if pid is None:
            return f"{name} was not running"
        os.kill(pid, signal.SIGKILL)
        return ""

    async def _freeze(self, fault: Fault) -> str:
        pid = await self._stack.running(fault.target)
        if pid is None:
            return f"{fault.target} was not running"
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
        return ""

    async def _flush(self) -> str:
        if await self._stack.running("valkey") is None:
            return "valkey was not running"
        async with Redis(unix_socket_path=str(self._stack.socket("valkey"))) as client:
            try:
                await client.flushall()
            except RedisError:
                return "valkey did not answer"
        return ""

    async def _disturb(self, fault: Fault) -> None:
        proxy = self._stack.proxies[fault.target]
        if fault.family == "cut":
            proxy.cut()
        else:
            proxy.swallow()
        await asyncio.sleep(fault.seconds)
        proxy.mend(drop=fault.drops)

    @asynccontextmanager
    async def _disk_full(self) -> AsyncIterator[None]:
        """No file of the API and the workers can grow: blobs, temporary files and logs alike."""
        limited: list[tuple[int, tuple[int, int]]] = []
        for name in _WRITERS:
            pid = self._stack.part(name).pid
            if pid is not None:
                with suppress(ProcessLookupError):
                    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (_NO_BYTES, before[1]))
                    limited.append((pid, before))
        try:
            yield
        finally:
            for pid, before in limited:
                with suppress(ProcessLookupError):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
