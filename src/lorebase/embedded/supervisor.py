"""The embedded stack as its callers see it: run it, start it in the background, look at it, stop it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from rich.console import Console

from lorebase.core.config import Settings
from lorebase.embedded.detached import DETACHED_COMMAND, spawn_detached, wait_until_ready
from lorebase.embedded.display import display_for
from lorebase.embedded.errors import AlreadyRunning, StackError
from lorebase.embedded.guard import guard_if_needed
from lorebase.embedded.home import Home, locate_home, open_home
from lorebase.embedded.journal import Journal
from lorebase.embedded.plan import Plan, default_plan
from lorebase.embedded.postgres_place import known_data_directory
from lorebase.embedded.processes import is_same, resident_bytes, wait_or_kill, working_in
from lorebase.embedded.run_directory import remove_run_directory
from lorebase.embedded.stages import StageRunner
from lorebase.embedded.state import HomeLock, StackRecord, is_locked, read_state
from lorebase.embedded.status import PartStatus, RunningStack, StackStatus
from lorebase.embedded.stop_request import StopRequest

__all__ = ["RunningStack", "StackStatus", "run_foreground", "start_detached", "status", "stop"]

_ORPHAN_SECONDS = 10.0

PlanMaker = Callable[[Settings, Home], Plan]


def run_foreground(
    settings: Settings, make_plan: PlanMaker = default_plan, console: Console | None = None
) -> int:
    """Runs the stack until Ctrl-C, SIGTERM or SIGHUP; returns the exit status of the process.

    0 after an orderly stop; 1 when a part cannot start or another supervisor has the home, after saying why
    on standard error. Every child has ended by then. Call it from the main thread.
    """
    try:
        home = open_home(settings.home)
        with StopRequest() as request, HomeLock(home.lock) as lock:
            if not lock.acquire():
                raise _already_running(home)
            _run(settings, home, make_plan, console or Console(), request)
    except StackError as error:
        Console(stderr=True).print(error.message, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


def _run(
    settings: Settings, home: Home, make_plan: PlanMaker, console: Console, request: StopRequest
) -> None:
    _end_orphans(home)
    plan = make_plan(settings, home)
    guard = guard_if_needed()
    display = display_for(console, home)
    journal = Journal(home, plan, display)
    try:
        runner = StageRunner(
            plan.stages,
            changed=journal.note,
            stop_asked=request.asked,
            hurry_asked=request.hurried,
            guard=guard,
        )
        runner.run()
    finally:
        display.close()
        if guard:
            guard.close()
        if plan.run_directory:
            remove_run_directory(plan.run_directory)


def start_detached(
    settings: Settings, wait_seconds: float = 120, command: tuple[str, ...] = DETACHED_COMMAND
) -> RunningStack:
    """Starts the stack in the background and returns once it is ready.

    The supervisor shares no terminal, pipe or file with the caller. Raises AlreadyRunning, or StartFailed
    with the end of the log when a part cannot start or `wait_seconds` pass first.
    """
    home = open_home(settings.home)
    if is_locked(home.lock):
        raise _already_running(home)
    process, log_began = spawn_detached(settings, home, command)
    return wait_until_ready(process, home, log_began, wait_seconds)


def status(settings: Settings) -> StackStatus | None:
    """How the stack of this home is; None when none runs."""
    home = locate_home(settings.home)
    record = _running_record(home)
    if record is None:
        return None
    parts = tuple(
        PartStatus(
            **part.model_dump(exclude={"born"}),
            rss_bytes=resident_bytes(part.pid) if part.pid else None,
        )
        for part in record.parts
    )
    return StackStatus(record.pid, record.phase, record.url, home.path, resident_bytes(record.pid), parts)


def stop(settings: Settings, timeout: float = 60) -> bool:
    """Stops the stack of this home and waits; True when it ran, False when there was nothing to stop.

    After `timeout` seconds the supervisor and what it left are killed.
    """
    home = locate_home(settings.home)
    record = _running_record(home)
    if record is None:
        return False
    os.kill(record.pid, signal.SIGTERM)
    if wait_or_kill([(record.pid, record.born)], timeout):
        _end_orphans(home)
    return True


def _running_record(home: Home) -> StackRecord | None:
    record = read_state(home.state) if is_locked(home.lock) else None
    return record if record and is_same(record.pid, record.born) else None


def _already_running(home: Home) -> AlreadyRunning:
    record = read_state(home.state)
    who = f" (process {record.pid}, {record.url})" if record else ""
    return AlreadyRunning(
        f"Lorebase already runs in {home.path}{who}. Stop it with Ctrl-C there or with `lorebase down`, "
        "or set LOREBASE_HOME and LOREBASE_PORT to run another."
    )


def _end_orphans(home: Home) -> None:
    # Stores that outlive a killed supervisor are closing their files; they are given the time. PostgreSQL
    # refuses to start while a backend of its predecessor lives, and backends outlive a killed postmaster.
    record = read_state(home.state)
    parts = record.parts if record else []
    left = [(part.pid, part.born) for part in parts if part.pid and part.born]
    wait_or_kill([*left, *working_in(known_data_directory(home), "postgres")], _ORPHAN_SECONDS)
