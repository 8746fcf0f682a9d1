"""A run that a signal stops leaves no process behind, and says where its history is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lorebase.embedded.home import locate_home
from lorebase.embedded.state import StackRecord, read_state
from lorebase.embedded.status import Phase
from tests.faults.stack import ROOT
from tests.integration.embedded_parts import is_alive, wait_until

_START_SECONDS = 240
_STOP_SECONDS = 120


def is_ready(record: StackRecord) -> bool:
    return record.phase is Phase.READY


def is_starting(record: StackRecord) -> bool:
    return any(part.pid for part in record.parts)


@pytest.mark.faults
@pytest.mark.timeout(540)
@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, is_starting), (signal.SIGTERM, is_ready)],
)
def test_a_signal_ends_the_whole_stack(number: signal.Signals, moment: Callable[[StackRecord], bool]) -> None:
    with TemporaryDirectory(prefix="lf-", dir="/tmp") as name:
        home, history = locate_home(Path(name) / "home"), Path(name) / "history.jsonl"

        def has_come() -> bool:
            record = read_state(home.state)
            return record is not None and moment(record)

        command = [sys.executable, "-m", "tests.faults", "--rounds", "500", "--folder", name]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as runner:
            wait_until(has_come, "the stack", _START_SECONDS)
            record = read_state(home.state)
            assert record is not None
            started = [record.pid, *(part.pid for part in record.parts if part.pid)]
            os.kill(runner.pid, number)
            told = runner.communicate(timeout=_STOP_SECONDS)[0]
        assert runner.returncode == 128 + number
        assert [pid for pid in started if is_alive(pid)] == []
        assert told.splitlines()[-1] == f"stopped by {number.name}; the stack has ended; history: {history}"
