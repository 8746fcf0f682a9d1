"""Stages start in order and stop in reverse; a hopeless part ends everything."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lorebase.embedded.backoff import Backoff
from lorebase.embedded.errors import StartFailed
from lorebase.embedded.part import OneShot, Part, Stage
from lorebase.embedded.stages import StageRunner
from lorebase.embedded.status import PartState, Phase

SLEEPER = (
    "import signal, sys, threading\n"
    "name, story = sys.argv[1:]\n"
    "def tell(word):\n"
    "    with open(story, 'a') as stream: stream.write(f'{word} {name}\\n')\n"
    "signal.signal(signal.SIGTERM, lambda *_: (tell('stop'), sys.exit(0)))\n"
    "tell('start')\nthreading.Event().wait()\n"
)
DEAF_SLEEPER = re.sub(r"lambda .*", "signal.SIG_IGN)", SLEEPER)

QUICK = Backoff(first_seconds=0.01, cap_seconds=0.02)


class Bench:
    """Builds parts that tell their story in one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.story = folder / "story"
        self.phases: list[Phase] = []

    def told(self) -> list[str]:
        return self.story.read_text().splitlines() if self.story.exists() else []

    def service(self, name: str) -> Part:
        command = (sys.executable, "-c", SLEEPER, name, str(self.story))
        log = self.folder / f"{name}.log"
        return Part(name, name, command, {}, log, probe=lambda: f"start {name}" in self.told())

    def once(self, name: str, code: str = "") -> OneShot:
        script = f"{code}\nopen({str(self.story)!r}, 'a').write('once {name}\\n')"
        return OneShot(name, name, (sys.executable, "-c", script), {}, self.folder / f"{name}.log")

    def dying(self, name: str) -> Part:
        command = ("/bin/sh", "-c", f"echo {name} died >&2; exit 1")
        return Part(name, name, command, {}, self.folder / f"{name}.log", probe=None)

    def run(
        self,
        *stages: Stage,
        until: Callable[[StageRunner], bool] = lambda runner: runner.phase is Phase.READY,
    ) -> StageRunner:
        asked = []

        def changed(runner: StageRunner) -> None:
            self.phases.append(runner.phase)
            if until(runner):
                asked.append(True)

        runner = StageRunner(stages, changed=changed, stop_asked=lambda: bool(asked), backoff=QUICK)
        try:
            runner.run()
        finally:
            assert not any(part.child.running for part in runner.parts)
        return runner


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_stages_start_in_order_and_stop_in_reverse(bench: Bench) -> None:
    bench.run((bench.service("store"),), (bench.once("migrate"),), (bench.service("api"),))
    assert bench.told() == ["start store", "once migrate", "start api", "stop api", "stop store"]


def test_phases_are_announced_in_order(bench: Bench) -> None:
    runner = bench.run((bench.service("store"),))
    assert list(dict.fromkeys(bench.phases)) == [
        Phase.STARTING,
        Phase.READY,
        Phase.STOPPING,
        Phase.STOPPED,
    ]
    assert [part.state for part in runner.parts] == [PartState.STOPPED]


def test_a_stop_asked_while_starting_starts_nothing_more(bench: Bench) -> None:
    bench.run((bench.service("store"),), (bench.service("api"),), until=lambda runner: True)
    assert "start api" not in bench.told()


def test_a_part_that_dies_five_times_ends_everything_with_its_log(bench: Bench) -> None:
    with pytest.raises(StartFailed) as caught:
        bench.run((bench.service("store"),), (bench.dying("api"),))
    assert caught.value.message.count("api died") == 5
    assert str(bench.folder / "api.log") in caught.value.message
    assert bench.told() == ["start store", "stop store"]
    assert bench.phases[-1] is Phase.FAILED


def test_a_one_shot_that_fails_ends_everything_with_its_log(bench: Bench) -> None:
    failing = bench.once("migrate", "raise ValueError('no such column')")
    with pytest.raises(StartFailed, match="no such column"):
        bench.run((bench.service("store"),), (failing,), (bench.service("api"),))
    assert bench.told() == ["start store", "stop store"]


def test_a_part_that_is_never_ready_ends_everything(bench: Bench) -> None:
    late = Part(
        "late", "late", ("/bin/sleep", "60"), {}, bench.folder / "l", probe=lambda: False, start_seconds=0.1
    )
    with pytest.raises(StartFailed, match="not ready within 0 s"):
        bench.run((late,))


def test_once_ready_a_part_may_die_more_than_five_times(bench: Bench) -> None:
    part = bench.service("api")

    def kill_it_six_times(runner: StageRunner) -> bool:
        (only,) = runner.parts
        if only.state is PartState.READY and only.restarts < 6:
            only.child.kill()
        return only.restarts >= 6

    runner = bench.run((part,), until=kill_it_six_times)
    assert runner.phase is Phase.STOPPED
    assert runner.parts[0].restarts >= 6


def test_an_error_in_what_follows_a_one_shot_stops_everything(bench: Bench) -> None:
    def refuse(result: object) -> None:
        raise StartFailed("the output is wrong")

    once = OneShot("w", "w", (sys.executable, "-c", ""), {}, bench.folder / "w.log", finished=refuse)
    with pytest.raises(StartFailed, match="the output is wrong"):
        bench.run((bench.service("store"),), (once,))
    assert bench.told() == ["start store", "stop store"]


def test_a_hurried_stop_waits_for_nobody(bench: Bench) -> None:
    command = (sys.executable, "-c", DEAF_SLEEPER, "deaf", str(bench.story))
    part = Part(
        "deaf",
        "deaf",
        command,
        {},
        bench.folder / "deaf.log",
        probe=lambda: "start deaf" in bench.told(),
        stop_seconds=600,
    )
    runner = StageRunner(
        [(part,)],
        changed=lambda runner: None,
        stop_asked=lambda: runner.phase is Phase.READY,
        hurry_asked=lambda: True,
    )
    runner.run()
    assert not runner.parts[0].child.running
