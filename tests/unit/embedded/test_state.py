"""The state file is whole or absent, and one process holds the lock."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.state import HomeLock, PartRecord, StackRecord, is_locked, read_state, write_state
from lorebase.embedded.status import PartState, Phase

PART = PartRecord(
    name="valkey", title="Valkey", state=PartState.READY, pid=7, born=1.5, address="/s", log=Path("/l")
)
RECORD = StackRecord(pid=1, born=2.25, phase=Phase.READY, url="http://x/graphql", parts=[PART])


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", RECORD)
    assert read_state(tmp_path / "state.json") == RECORD


@settings(deadline=None)
@given(
    pid=st.integers(1, 2**22), phase=st.sampled_from(Phase), url=st.text(), state=st.sampled_from(PartState)
)
def test_any_record_survives_the_file(pid: int, phase: Phase, url: str, state: PartState) -> None:
    record = StackRecord(
        pid=pid, born=0.5, phase=phase, url=url, parts=[PART.model_copy(update={"state": state})]
    )
    assert StackRecord.model_validate_json(record.model_dump_json()) == record


def test_only_the_owner_reads_the_state(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", RECORD)
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_no_half_file_is_left_beside_it(tmp_path: Path) -> None:
    write_state(tmp_path / "state.json", RECORD)
    write_state(tmp_path / "state.json", RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


def test_a_missing_state_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path / "state.json") is None


def test_a_torn_state_is_none(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"pid": 1, "bo')
    assert read_state(tmp_path / "state.json") is None


def test_a_second_lock_is_refused_while_the_first_is_held(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "lock") as first, HomeLock(tmp_path / "lock") as second:
        assert first.acquire()
        assert not second.acquire(patience_seconds=0)


def test_a_released_lock_can_be_taken(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "lock") as first:
        assert first.acquire()
    with HomeLock(tmp_path / "lock") as second:
        assert second.acquire(patience_seconds=0)


def test_looking_at_the_lock_does_not_take_it(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "lock")
    with HomeLock(tmp_path / "lock") as lock:
        assert lock.acquire()
        assert is_locked(tmp_path / "lock")
    assert not is_locked(tmp_path / "lock")


def test_the_lock_is_not_inherited_by_children(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path / "lock")
    assert lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        lock.release()
        assert not is_locked(tmp_path / "lock")
    finally:
        child.communicate(b"\n")


def test_the_lock_file_is_private(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "lock") as lock:
        assert lock.acquire()
        assert os.stat(tmp_path / "lock").st_mode & 0o077 == 0
