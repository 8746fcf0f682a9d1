"""The guard ends children where the system itself would not."""

from __future__ import annotations

import signal
import subprocess

import pytest

from lorebase.embedded.guard import Guard
from tests.integration.embedded_parts import clean_environment, wait_until


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "600"], env=clean_environment())


def test_what_is_watched_ends_with_the_supervisor(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard()
    guard.watch(sleeper.pid, signal.SIGTERM)
    guard.close()
    assert sleeper.wait(30) == -signal.SIGTERM


def test_what_was_forgotten_lives_on(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard()
    guard.watch(sleeper.pid, signal.SIGKILL)
    guard.forget(sleeper.pid)
    guard.close()
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait(30)


def test_a_supervisor_may_outlive_its_guard(sleeper: subprocess.Popen[bytes]) -> None:
    guard = Guard()
    killer = subprocess.run(["/bin/kill", "-9", str(guard.pid)], check=False)
    assert killer.returncode == 0
    wait_until(lambda: guard._process.poll() is not None, "the end of the guard")
    guard.watch(sleeper.pid, signal.SIGTERM)
    guard.close()
    sleeper.kill()
    sleeper.wait(30)
