"""One run: a stack, clients, faults, rest, repair, and the count."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess

from tests.e2e.client import Api
from tests.e2e.library import Library
from tests.faults.caller import Caller
from tests.faults.checker import check
from tests.faults.client import Client, Place
from tests.faults.final_state import Findings
from tests.faults.history import History, Kind, Operation
from tests.faults.injector import Injector
from tests.faults.inspection import Inspector
from tests.faults.schedule import FaultKind, draw
from tests.faults.stack import LEASE_SECONDS, FaultStack, running_fault_stack
from tests.faults.stores import Stores

_SETTLE_SECONDS = 240.0
_LISTEN_SECONDS = 30.0
_PARTS = ("postgres", "valkey", "milvus", "models", "worker", "worker2", "api")


@dataclass(frozen=True)
class Plan:
    """What a run is to do. `folder` keeps the home, `history` is a file; None leaves nothing behind."""

    rounds: int
    seed: int
    clients: int = 4
    only: Collection[FaultKind] = ()
    folder: Path | None = None
    history: Path | None = None


@dataclass(frozen=True)
class Report:
    """What came of a run: `brought` faults came; `repair` is what the reconciler said of its work.

    `orphans_before` are vectors that belonged to nothing before it, `stray_files` what no document took.
    `met` counts the requests to models by the mood in which they were met.
    """

    plan: Plan
    brought: int
    orphans_before: int
    repair: str
    findings: Findings
    stray_files: int
    met: Mapping[str, int]
    operations: tuple[Operation, ...]
    seconds: float

    @property
    def exit_status(self) -> int:
        """1 when a promise was broken, else 0."""
        return 0 if self.findings.all_kept else 1

    def lines(self) -> list[str]:
        """The report for people; the last line is for machines."""
        return [
            f"seed={self.plan.seed} seconds={self.seconds:.0f}",
            *self._counts(),
            f"orphan vectors before the repair: {self.orphans_before}",
            f"repair: {self.repair}",
            f"young files in the blob store that no document took: {self.stray_files}",
            *(f"{kind}: {case}" for kind, cases in self.findings.by_kind.items() for case in cases),
            self.findings.last_line(self.brought),
        ]

    def _counts(self) -> list[str]:
        faults = Counter(one.name for one in self.operations if one.kind is Kind.FAULT and not one.note)
        done = Counter(f"{one.kind} {one.outcome}" for one in self.operations if one.kind is not Kind.FAULT)
        return [
            "faults: " + ", ".join(f"{name} {times}" for name, times in sorted(faults.items())),
            "operations: " + ", ".join(f"{name} {times}" for name, times in sorted(done.items())),
            "requests to models: " + ", ".join(f"{mood} {times}" for mood, times in sorted(self.met.items())),
        ]


async def run(plan: Plan) -> Report:
    """Runs the plan. Whatever the clients and the faults do by chance is drawn from the seed."""
    async with AsyncExitStack() as opened:
        stack = await opened.enter_async_context(running_fault_stack(plan.folder))
        history = History(plan.history or stack.home.path / "history.jsonl")
        opened.callback(history.close)
        return await _Run(plan, stack, history, opened).through()


@dataclass
class _Run:
    plan: Plan
    stack: FaultStack
    history: History
    opened: AsyncExitStack
    clients: list[Client] = field(default_factory=list)

    async def through(self) -> Report:
        workspace_id = self.stack.credentials.workspace_id
        api = await self._api()
        library = await Library.create(api, workspace_id, f"Faults {self.plan.seed}")
        for number in range(self.plan.clients):
            chance = random.Random(f"client {number} of {self.plan.seed}")
            caller = Caller(await self._api(), self.history)
            self.clients.append(Client(number, caller, Place(workspace_id, library.id), chance))
        brought = await self._break()
        await self._end_faults()
        return await self._count(Inspector(Stores(self.stack), api, library.id, self.history), brought)

    async def _api(self) -> Api:
        credentials = self.stack.credentials
        return await self.opened.enter_async_context(Api(credentials.url, credentials.api_key))

    async def _break(self) -> int:
        """Has the clients work while the faults come; returns how many came."""
        stop = asyncio.Event()
        injector = Injector(self.stack, self.history)
        async with asyncio.TaskGroup() as working:
            for client in self.clients:
                working.create_task(client.work(stop))
            plan = self.plan
            for fault in draw(plan.seed, plan.rounds, lease_seconds=LEASE_SECONDS, only=plan.only):
                await injector.bring(fault)
            stop.set()
        return injector.brought

    async def _end_faults(self) -> None:
        for proxy in self.stack.proxies.values():
            proxy.mend()
        for name in _PARTS:
            await self.stack.running(name, seconds=120)

    async def _count(self, inspector: Inspector, brought: int) -> Report:
        settled = await inspector.settle(_SETTLE_SECONDS)
        await self._stop_listening()
        before = check((), await inspector.stores.read())
        self.stack.age_broken_uploads()
        repair = await asyncio.to_thread(self._repair)
        # A repair may rebuild what was missing, by jobs of its own.
        settled = await inspector.settle(_SETTLE_SECONDS) and settled
        # What one repair cannot mend, such as bytes that are gone, another cannot either.
        again = await asyncio.to_thread(self._repair) if repair.returncode else repair
        final = await inspector.read()
        findings = check(self.history.operations, final)
        if again.returncode:
            findings.lost.append(f"the stores disagree after two repairs: {told(again)}")
        if not settled:
            findings.unfinished.append(f"something still was open after {_SETTLE_SECONDS:.0f} s")
        return Report(
            plan=self.plan,
            brought=brought,
            orphans_before=len(before.orphaned),
            repair=told(repair),
            findings=findings,
            stray_files=len(final.stray_files),
            met=self.stack.models.met,
            operations=tuple(self.history.operations),
            seconds=self.history.now(),
        )

    async def _stop_listening(self) -> None:
        """Streams end with their subjects: whoever still listens after a while hears nothing more."""
        following = [task for client in self.clients for task in client.following]
        if following:
            await asyncio.wait(following, timeout=_LISTEN_SECONDS)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    def _repair(self) -> CompletedProcess[str]:
        return self.stack.lorebase("reconcile", "--repair")


def told(ended: CompletedProcess[str]) -> str:
    """What a command said."""
    return f"exit status {ended.returncode}\n{ended.stdout}{ended.stderr}".strip()
