"""Each fault does what its name says to the right process, and is over when it is over."""

from __future__ import annotations

import asyncio
import resource
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from lorebase.embedded.state import PartRecord
from lorebase.embedded.status import PartState
from tests.faults.history import History, Outcome
from tests.faults.injector import Injector
from tests.faults.model_server import MoodyModels
from tests.faults.proxy import Mode, Proxy
from tests.faults.schedule import Fault, FaultKind
from tests.integration.embedded_parts import wait_until

PARTS = ("api", "worker", "worker2")


@dataclass
class SleepingStack:
    """Parts that do nothing but live."""

    processes: dict[str, subprocess.Popen[bytes]]
    models: MoodyModels = field(default_factory=MoodyModels)
    proxies: dict[str, Proxy] = field(
        default_factory=lambda: {"milvus": Proxy(Path("/nowhere"), lambda: Path("/nowhere"))}
    )

    waited: list[tuple[str, float]] = field(default_factory=list)

    async def running(self, name: str, seconds: float = 0.0) -> int | None:
        self.waited.append((name, seconds))
        return self.processes[name].pid if name in self.processes else None

    def part(self, name: str) -> PartRecord:
        pid = self.processes[name].pid
        return PartRecord(name=name, title=name, state=PartState.READY, pid=pid, log=Path("log"))


@pytest.fixture
def stack() -> Iterator[SleepingStack]:
    made = SleepingStack({name: subprocess.Popen(["sleep", "100"]) for name in PARTS})
    yield made
    for process in made.processes.values():
        process.kill()
        process.wait()


@pytest.fixture
def injector(stack: SleepingStack, tmp_path: Path) -> Iterator[Injector]:
    history = History(tmp_path / "history.jsonl")
    yield Injector(stack, history)  # type: ignore[arg-type]
    history.close()


def fault(kind: FaultKind, seconds: float = 0.0, *, drops: bool = False) -> Fault:
    return Fault(0, kind, pause=0.0, seconds=seconds, worker="worker2", drops=drops)


async def while_going_on(injector: Injector, kind: FaultKind) -> asyncio.Task[None]:
    """A fault that has begun and lasts."""
    going_on = asyncio.create_task(injector.bring(fault(kind, seconds=1.0)))
    for _ in range(5):
        await asyncio.sleep(0)
    return going_on


async def test_a_kill_ends_its_target_and_no_other(stack: SleepingStack, injector: Injector) -> None:
    await injector.bring(fault(FaultKind.KILL_WORKER))
    assert stack.processes["worker2"].wait(10) == -signal.SIGKILL
    assert [stack.processes[name].poll() for name in ("api", "worker")] == [None, None]
    assert injector.brought == 1


async def test_what_does_not_run_cannot_be_killed_and_is_not_counted(injector: Injector) -> None:
    await injector.bring(fault(FaultKind.KILL_MILVUS))
    (noted,) = injector.history.operations
    assert (injector.brought, noted.outcome, noted.note) == (0, Outcome.REFUSED, "milvus was not running")


async def test_a_frozen_worker_goes_on_afterwards(stack: SleepingStack, injector: Injector) -> None:
    going_on = await while_going_on(injector, FaultKind.FREEZE_WORKER)
    frozen = psutil.Process(stack.processes["worker2"].pid)
    wait_until(lambda: frozen.status() == psutil.STATUS_STOPPED, "the freeze")
    await going_on
    wait_until(lambda: frozen.status() == psutil.STATUS_SLEEPING, "the thaw")


async def test_a_full_disk_has_room_again_afterwards(stack: SleepingStack, injector: Injector) -> None:
    def limits() -> set[int]:
        pids = [process.pid for process in stack.processes.values()]
        return {resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] for pid in pids}

    before = limits()
    going_on = await while_going_on(injector, FaultKind.DISK_FULL)
    assert limits() == {0}
    await going_on
    assert limits() == before != {0}


@pytest.mark.parametrize(
    ("kind", "mode"), [(FaultKind.CUT_MILVUS, Mode.CUT), (FaultKind.HOLE_MILVUS, Mode.BLACK_HOLE)]
)
async def test_a_connection_is_mended_afterwards(
    stack: SleepingStack, injector: Injector, kind: FaultKind, mode: Mode
) -> None:
    going_on = await while_going_on(injector, kind)
    assert stack.proxies["milvus"].mode is mode
    await going_on
    assert stack.proxies["milvus"].mode is Mode.OPEN


@pytest.mark.parametrize(
    ("kind", "moods"),
    [
        (FaultKind.EMBEDDINGS_NAN, {"embeddings": "nan", "chat": "well"}),
        (FaultKind.CHAT_STALL, {"embeddings": "well", "chat": "stall"}),
    ],
)
async def test_a_mood_of_a_model_passes_and_leaves_the_other_alone(
    stack: SleepingStack, injector: Injector, kind: FaultKind, moods: dict[str, str]
) -> None:
    going_on = await while_going_on(injector, kind)
    assert stack.models.moods == moods
    await going_on
    assert stack.models.moods == {"embeddings": "well", "chat": "well"}
    (noted,) = injector.history.operations
    assert (noted.name, noted.outcome) == (kind, Outcome.ACKNOWLEDGED)


@pytest.mark.parametrize("kind", [FaultKind.CHAT_CUT, FaultKind.HOLE_MILVUS, FaultKind.DISK_FULL])
async def test_what_passes_waits_for_the_api_so_that_somebody_notices(
    stack: SleepingStack, injector: Injector, kind: FaultKind
) -> None:
    await injector.bring(fault(kind))
    name, seconds = stack.waited[0]
    assert name == "api"
    assert seconds > 0


async def test_a_kill_waits_for_nobody_but_its_target(stack: SleepingStack, injector: Injector) -> None:
    await injector.bring(fault(FaultKind.KILL_WORKER))
    assert [name for name, _ in stack.waited] == ["worker2"]
