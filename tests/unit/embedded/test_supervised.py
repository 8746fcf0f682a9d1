"""The life of a part, told by a clock that the test turns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from lorebase.embedded.backoff import Backoff
from lorebase.embedded.child import Child
from lorebase.embedded.part import OneShot, OneShotResult, Part
from lorebase.embedded.status import PartState
from lorebase.embedded.supervised import SupervisedOneShot, SupervisedPart
from tests.integration.embedded_parts import wait_until


@dataclass
class ScriptedChild(Child):
    """A child whose life the test decides."""

    part: Part | OneShot
    alive: bool = False
    starts: int = 0
    kills: int = 0
    cannot_start: list[OSError] = field(default_factory=list)

    def start(self) -> None:
        if self.cannot_start:
            raise self.cannot_start.pop()
        self.starts += 1
        self.alive = True

    @property
    def running(self) -> bool:
        return self.alive

    def kill(self) -> None:
        self.kills += 1
        self.alive = False


@dataclass
class World:
    now: float = 0.0
    ready: bool = False

    def clock(self) -> float:
        return self.now


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def part(tmp_path: Path, world: World) -> Part:
    return Part(
        "p",
        "part",
        ("x",),
        {},
        tmp_path / "log",
        probe=lambda: world.ready,
        start_seconds=60,
        settle_seconds=2,
    )


@pytest.fixture
def child(part: Part) -> ScriptedChild:
    return ScriptedChild(part)


@pytest.fixture
def supervised(part: Part, child: ScriptedChild, world: World) -> Iterator[SupervisedPart]:
    return SupervisedPart(part, child, Backoff(1, 30, settled_seconds=10), world.clock)  # type: ignore[return-value]


def test_a_part_waits_until_it_is_started(supervised: SupervisedPart, child: ScriptedChild) -> None:
    supervised.tick()
    assert supervised.state is PartState.WAITING
    assert child.starts == 0


def test_a_part_is_ready_when_its_probe_says_so(supervised: SupervisedPart, world: World) -> None:
    supervised.start()
    supervised.tick()
    assert supervised.state is PartState.STARTING
    world.ready = True
    supervised.tick()
    assert supervised.state is PartState.READY


def test_a_part_without_probe_is_ready_once_it_has_settled(
    part: Part, child: ScriptedChild, world: World
) -> None:
    supervised = SupervisedPart(replace(part, probe=None), child, clock=world.clock)
    supervised.start()
    world.now = 1.9
    supervised.tick()
    assert supervised.state is PartState.STARTING
    world.now = 2.0
    supervised.tick()
    assert supervised.state is PartState.READY


def test_a_dead_part_is_started_again_after_the_pause(
    supervised: SupervisedPart, child: ScriptedChild, world: World
) -> None:
    world.ready = True
    supervised.start()
    supervised.tick()
    child.alive = False
    supervised.tick()
    assert supervised.state is PartState.RESTARTING
    world.now = 0.9
    supervised.tick()
    assert child.starts == 1
    world.now = 1.0
    supervised.tick()
    assert child.starts == 2
    assert supervised.restarts == 1
    supervised.tick()
    assert supervised.state is PartState.READY


def test_pauses_grow_with_deaths_in_a_row(
    supervised: SupervisedPart, child: ScriptedChild, world: World
) -> None:
    supervised.start()
    starts = []
    for tick in range(200):
        world.now = tick / 10
        if child.starts > len(starts):
            starts.append(world.now)
        child.alive = False
        supervised.tick()
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps == sorted(gaps)
    assert supervised.deaths_in_a_row >= 4


def test_a_long_life_clears_the_count_of_deaths(
    supervised: SupervisedPart, child: ScriptedChild, world: World
) -> None:
    world.ready = True
    supervised.start()
    supervised.tick()
    for _ in range(3):
        child.alive = False
        supervised.tick()
        world.now += 100
        supervised.tick()
        supervised.tick()
        world.now += 10
    child.alive = False
    supervised.tick()
    assert supervised.deaths_in_a_row == 1
    assert supervised.restarts == 3


def test_a_part_that_is_never_ready_is_killed_and_marked_overdue(
    supervised: SupervisedPart, child: ScriptedChild, world: World
) -> None:
    supervised.start()
    world.now = 60.0
    supervised.tick()
    assert supervised.overdue
    assert not child.alive
    assert supervised.state is PartState.RESTARTING


def test_what_a_dead_part_left_behind_is_killed(supervised: SupervisedPart, child: ScriptedChild) -> None:
    supervised.start()
    child.alive = False
    supervised.tick()
    assert child.kills == 1


def test_a_program_that_cannot_be_run_counts_as_a_death_and_is_logged(
    supervised: SupervisedPart, child: ScriptedChild, part: Part
) -> None:
    child.cannot_start.append(OSError(12, "Cannot allocate memory"))
    supervised.start()
    assert supervised.state is PartState.RESTARTING
    assert supervised.deaths_in_a_row == 1
    assert "Cannot allocate memory" in part.log.read_text()


def one_shot(tmp_path: Path, code: str, **more: object) -> OneShot:
    values: dict[str, object] = {
        "name": "once",
        "title": "once",
        "command": (sys.executable, "-c", code),
        "environment": {},
        "log": tmp_path / "once.log",
        **more,
    }
    return OneShot(**values)  # type: ignore[arg-type]


def run(part: OneShot) -> SupervisedOneShot:
    supervised = SupervisedOneShot(part, Child(part))
    supervised.start()

    def ended() -> bool:
        supervised.tick()
        return supervised.state in (PartState.DONE, PartState.FAILED)

    wait_until(ended, "the end of the one-shot")
    return supervised


def test_a_one_shot_hands_over_its_output(tmp_path: Path) -> None:
    results: list[OneShotResult] = []
    done = run(one_shot(tmp_path, "print('hello')", finished=results.append))
    assert done.state is PartState.DONE
    assert [(result.returncode, result.output) for result in results] == [(0, "hello\n")]


def test_a_failed_one_shot_hands_over_nothing(tmp_path: Path) -> None:
    results: list[OneShotResult] = []
    failed = run(one_shot(tmp_path, "raise SystemExit(4)", finished=results.append))
    assert failed.state is PartState.FAILED
    assert results == []


def test_a_one_shot_may_accept_another_end(tmp_path: Path) -> None:
    code = "import sys; print('already exists', file=sys.stderr); sys.exit(1)"
    accepts = lambda result: "already exists" in result.log_tail  # noqa: E731
    assert run(one_shot(tmp_path, code, accepts=accepts)).state is PartState.DONE


def test_only_what_this_run_wrote_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "once.log").write_text("already exists\n")
    accepts = lambda result: "already exists" in result.log_tail  # noqa: E731
    assert run(one_shot(tmp_path, "raise SystemExit(1)", accepts=accepts)).state is PartState.FAILED


def test_a_one_shot_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    part = one_shot(tmp_path, "import threading; threading.Event().wait()", start_seconds=0.1)
    failed = run(part)
    assert failed.state is PartState.FAILED
    assert not failed.child.running


def test_a_one_shot_that_cannot_be_run_has_failed(tmp_path: Path) -> None:
    failed = run(one_shot(tmp_path, "", command=("/no/such/program",)))
    assert failed.state is PartState.FAILED
    assert "/no/such/program" in (tmp_path / "once.log").read_text()
