"""Processes are told apart by their birth, waited for, and killed only when they are the ones meant."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.embedded.processes import born, is_same, resident_bytes, wait_or_kill, working_in

SLEEP = shutil.which("sleep") or "/bin/sleep"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([SLEEP, "600"], cwd=tmp_path)
    yield process
    process.kill()
    process.wait()


def birth_of(process: subprocess.Popen[bytes]) -> float:
    birth = born(process.pid)
    assert birth is not None
    return birth


def test_a_process_is_known_by_its_birth(sleeper: subprocess.Popen[bytes]) -> None:
    birth = birth_of(sleeper)
    assert is_same(sleeper.pid, birth)
    assert not is_same(sleeper.pid, birth - 60)


def test_an_ended_process_is_nobody(sleeper: subprocess.Popen[bytes]) -> None:
    birth = birth_of(sleeper)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_same(sleeper.pid, birth)
    sleeper.wait()
    assert not is_same(sleeper.pid, birth)
    assert born(sleeper.pid) is None
    assert resident_bytes(sleeper.pid) is None


def test_waiting_kills_those_who_do_not_end(sleeper: subprocess.Popen[bytes]) -> None:
    assert wait_or_kill([(sleeper.pid, birth_of(sleeper))], patience_seconds=0) == [sleeper.pid]
    assert sleeper.wait(30) == -signal.SIGKILL


def test_a_stranger_with_the_same_id_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    assert wait_or_kill([(sleeper.pid, birth_of(sleeper) - 60)], patience_seconds=0) == []
    assert sleeper.poll() is None


def test_nobody_is_killed_who_ends_in_time(sleeper: subprocess.Popen[bytes]) -> None:
    birth = birth_of(sleeper)
    sleeper.terminate()
    assert wait_or_kill([(sleeper.pid, birth)], patience_seconds=30) == []


def test_processes_are_found_by_name_and_folder(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    assert [pid for pid, _ in working_in(folder, "sleep")] == [sleeper.pid]
    assert working_in(folder, "postgres") == []
    assert working_in(folder / "other", "sleep") == []


def test_memory_counts_the_children_too() -> None:
    script = f"{SLEEP} 600 & echo; wait"
    process = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    with process, process.stdout:
        process.stdout.readline()
        with_child = resident_bytes(process.pid)
        alone = Path(f"/proc/{process.pid}/statm")
        assert with_child is not None
        if alone.exists():
            assert with_child > int(alone.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        os.killpg(process.pid, signal.SIGKILL)
