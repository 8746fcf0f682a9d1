"""One run: a stack, clients, faults, rest, and the count."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.client import Api
from tests.e2e.library import Library
from tests.faults.caller import Caller
from tests.faults.checker import check
from tests.faults.client import Client, Place
from tests.faults.final_state import FinalState, Findings
from tests.faults.history import History, Kind, Operation, Outcome
from tests.faults.injector import Injector
from tests.faults.inspection import Inspector
from tests.faults.schedule import FaultKind, draw
from tests.faults.stack import LEASE_SECONDS, FaultStack, running_fault_stack

_SETTLE_SECONDS = 240.0
_LISTEN_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """What a run is to do. `folder` keeps home and history; None leaves nothing behind."""

    rounds: int
    seed: int
    clients: int = 4
    only: Collection[FaultKind] = ()
    folder: Path | None = None


@dataclass(frozen=True)
class Report:
    """What came of a run."""

    plan: Plan
    brought: int
    findings: Findings
    before_repair: Findings
    operations: tuple[Operation, ...]
    seconds: float

    def lines(self) -> list[str]:
        """The report for people; the last line is for machines."""
        shown = [f"seed={self.plan.seed} seconds={self.seconds:.0f}", *self._counts(), *self._cases()]
        return [*shown, self.findings.last_line(self.brought)]

    def _counts(self) -> list[str]:
        faults = Counter(one.name for one in self.operations if one.kind is Kind.FAULT and not one.note)
        done = Counter(f"{one.kind} {one.outcome}" for one in self.operations if one.kind is not Kind.FAULT)
        return [
            "faults: " + ", ".join(f"{name} {n}" for name, n in sorted(faults.items())),
            "operations: " + ", ".join(f"{name} {n}" for name, n in sorted(done.items())),
            "before repair: " + self.before_repair.last_line(self.brought),
        ]

    def _cases(self) -> list[str]:
        return [f"{kind}: {case}" for kind, cases in self.findings.by_kind.items() for case in cases]


async def run(plan: Plan) -> Report:
    """Runs the plan. Whatever the clients and faults do by chance is drawn from the seed."""
    async with AsyncExitStack() as opened:
        stack = await opened.enter_async_context(running_fault_stack(plan.folder))
        history = History((plan.folder or stack.home.path) / "history.jsonl")
        opened.callback(history.close)
        credentials = stack.credentials
        api = await opened.enter_async_context(Api(credentials.url, credentials.api_key))
        library = await Library.create(api, credentials.workspace_id, f"Faults {plan.seed}")
        clients = [
            await _client(opened, number, stack, history, library, plan) for number in range(plan.clients)
        ]
        inspector = Inspector(stack, api, library.id, history)
        brought = await _break(plan, stack, history, clients)
        await _end_faults(stack)
        settled = await inspector.settle(_SETTLE_SECONDS)
        await _stop_listening(clients)
        return await _report(plan, stack, history, inspector, brought, settled)


async def _client(
    opened: AsyncExitStack, number: int, stack: FaultStack, history: History, library: Library, plan: Plan
) -> Client:
    credentials = stack.credentials
    api = await opened.enter_async_context(Api(credentials.url, credentials.api_key))
    chance = random.Random(f"client {number} of {plan.seed}")
    return Client(number, Caller(api, history), Place(library.workspace_id, library.id), chance)


async def _break(plan: Plan, stack: FaultStack, history: History, clients: list[Client]) -> int:
    """Has the clients work while the faults come; returns how many came."""
    stop = asyncio.Event()
    injector = Injector(stack, history)
    async with asyncio.TaskGroup() as working:
        for client in clients:
            working.create_task(client.work(stop))
        for fault in draw(plan.seed, plan.rounds, lease_seconds=LEASE_SECONDS, only=plan.only):
            await injector.bring(fault)
        stop.set()
    return injector.brought


async def _end_faults(stack: FaultStack) -> None:
    for proxy in stack.proxies.values():
        proxy.mend()
    for name in ("postgres", "valkey", "milvus", "models", "worker", "worker2", "api"):
        await stack.running(name, seconds=120)


async def _stop_listening(clients: list[Client]) -> None:
    following = [task for client in clients for task in client.following]
    if following:
        await asyncio.wait(following, timeout=_LISTEN_SECONDS)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


async def _report(
    plan: Plan, stack: FaultStack, history: History, inspector: Inspector, brought: int, settled: bool
) -> Report:
    before = check(history.operations, await inspector.read())
    final: FinalState = await inspector.read()
    findings = check(history.operations, final)
    if not settled:
        findings.unfinished.append(f"something still is open after {_SETTLE_SECONDS:.0f} s")
    return Report(plan, brought, findings, before, tuple(history.operations), history.now())


__all__ = ["Outcome", "Plan", "Report", "run"]
