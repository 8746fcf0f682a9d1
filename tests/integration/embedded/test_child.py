"""One child: its output goes to a file, it dies with its parent, and it ends when asked."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lorebase.embedded.child import Child
from lorebase.embedded.part import OneShot, Part
from tests.integration.embedded_parts import is_alive, wait_until

PYTHON = sys.executable


def service(tmp_path: Path, code: str, **more: object) -> Part:
    values: dict[str, object] = {
        "name": "part",
        "title": "part",
        "command": (PYTHON, "-c", code),
        "environment": {"PATH": "/bin"},
        "log": tmp_path / "logs" / "part.log",
        "probe": None,
        **more,
    }
    return Part(**values)  # type: ignore[arg-type]


def run_to_end(child: Child) -> int:
    child.start()
    wait_until(lambda: not child.running, "the end of the child")
    return child.poll() or 0


def test_both_outputs_go_to_the_log(tmp_path: Path) -> None:
    part = service(tmp_path, "import sys; print('out'); print('err', file=sys.stderr)")
    assert run_to_end(Child(part)) == 0
    assert sorted(part.log.read_text().split()) == ["err", "out"]


def test_the_log_is_private_and_appended_to(tmp_path: Path) -> None:
    part = service(tmp_path, "print('line')")
    run_to_end(Child(part))
    run_to_end(Child(part))
    assert part.log.read_text() == "line\nline\n"
    assert stat.S_IMODE(part.log.stat().st_mode) == 0o600


def test_the_output_of_a_one_shot_is_kept_out_of_the_log(tmp_path: Path) -> None:
    part = service(tmp_path, "import sys; print('secret'); print('fine', file=sys.stderr)")
    once = OneShot("once", "once", part.command, part.environment, part.log)
    child = Child(once)
    assert run_to_end(child) == 0
    assert child.read_output() == "secret\n"
    assert part.log.read_text() == "fine\n"


def test_a_one_shot_that_prints_much_is_not_held_up(tmp_path: Path) -> None:
    part = service(tmp_path, "print('x' * 300_000)")
    child = Child(OneShot("once", "once", part.command, part.environment, part.log))
    assert run_to_end(child) == 0
    assert len(child.read_output()) == 300_001


def test_the_environment_is_exactly_the_given_one(tmp_path: Path) -> None:
    part = service(tmp_path, "", command=("/usr/bin/env",), environment={"ONLY": "this"})
    run_to_end(Child(part))
    assert part.log.read_text() == "ONLY=this\n"


def test_the_child_is_out_of_reach_of_ctrl_c(tmp_path: Path) -> None:
    child = Child(service(tmp_path, "input()", command=("/bin/sleep", "60")))
    child.start()
    try:
        assert child.pid
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
    finally:
        child.kill()


def test_stop_sends_the_signal_of_the_part_and_waits(tmp_path: Path) -> None:
    code = (
        "import signal, sys, threading\n"
        "signal.signal(signal.SIGINT, lambda *_: (print('bye', flush=True), sys.exit(0)))\n"
        "print('up', flush=True)\nthreading.Event().wait()"
    )
    part = service(tmp_path, code, stop_signal=signal.SIGINT)
    child = Child(part)
    child.start()
    wait_until(lambda: "up" in part.log.read_text(), "start")
    assert child.stop(seconds=30)
    assert child.poll() == 0
    assert part.log.read_text() == "up\nbye\n"


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, threading\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\nthreading.Event().wait()"
    )
    part = service(tmp_path, code)
    child = Child(part)
    child.start()
    wait_until(lambda: "up" in part.log.read_text(), "start")
    assert not child.stop(seconds=0.2)
    assert child.poll() == -signal.SIGKILL


def test_kill_takes_the_childs_own_children_along(tmp_path: Path) -> None:
    part = service(tmp_path, "", command=("/bin/sh", "-c", "sleep 60 & echo $!; wait"))
    child = Child(part)
    child.start()
    wait_until(lambda: part.log.read_text().endswith("\n"), "the grandchild")
    grandchild = int(part.log.read_text())
    child.kill()
    wait_until(lambda: not is_alive(grandchild), "the end of the grandchild")
    assert not child.running


def test_a_child_that_was_never_started_can_be_stopped(tmp_path: Path) -> None:
    child = Child(service(tmp_path, ""))
    assert child.stop()
    child.kill()
    child.signal(signal.SIGTERM)
    assert child.pid is None
    assert child.poll() is None


def test_a_program_that_does_not_exist_says_so(tmp_path: Path) -> None:
    child = Child(service(tmp_path, "", command=("/no/such/program",)))
    with pytest.raises(FileNotFoundError):
        child.start()
    assert not child.running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent death signal")
def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, threading\nfrom pathlib import Path\n"
        "from lorebase.embedded.child import Child\nfrom lorebase.embedded.part import Part\n"
        "child = Child(Part('p', 'p', ('/bin/sleep', '600'), {}, Path(sys.argv[1]), None))\n"
        "child.start()\nprint(child.pid, flush=True)\nthreading.Event().wait()"
    )
    parent = subprocess.Popen(
        [PYTHON, "-c", script, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    wait_until(lambda: not is_alive(child), "the end of the orphan")
