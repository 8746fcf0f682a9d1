"""Who may pass, by the mode bits of every folder on the way."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.embedded.account import Account, can_enter, can_execute, unprivileged_account
from lorebase.embedded.errors import StackError

STRANGER = Account("stranger", uid=64_999, gid=64_999)
US = Account("us", uid=os.geteuid(), gid=os.getegid())


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize(("mode", "passes"), [(0o711, True), (0o755, True), (0o700, False), (0o744, False)])
def test_a_stranger_passes_where_others_may(folder: Path, mode: int, passes: bool) -> None:
    folder.chmod(mode)
    assert can_enter(STRANGER, folder) is passes


def test_a_closed_parent_closes_everything_below(folder: Path) -> None:
    inner = folder / "open"
    inner.mkdir(mode=0o755)
    assert not can_enter(STRANGER, inner)


def test_the_owner_passes_by_the_owners_bits(folder: Path) -> None:
    assert can_enter(US, folder)
    folder.chmod(0o077)
    assert not can_enter(US, folder)
    folder.chmod(0o700)


def test_the_group_passes_by_the_groups_bits(folder: Path) -> None:
    member = Account("member", uid=64_999, gid=folder.stat().st_gid)
    folder.chmod(0o710)
    assert can_enter(member, folder)
    folder.chmod(0o701)
    assert not can_enter(member, folder)


def test_a_missing_folder_lets_nobody_pass(folder: Path) -> None:
    assert not can_enter(STRANGER, folder / "missing")


@pytest.mark.parametrize(("mode", "runs"), [(0o755, True), (0o711, False), (0o744, False), (0o700, False)])
def test_a_program_must_be_readable_and_executable(folder: Path, mode: int, runs: bool) -> None:
    folder.chmod(0o755)
    program = folder / "program"
    program.touch()
    program.chmod(mode)
    assert can_execute(STRANGER, program) is runs


def test_without_another_account_everything_is_passable(folder: Path) -> None:
    assert can_enter(None, folder / "missing")
    assert can_execute(None, folder / "missing")


def test_an_ordinary_user_needs_no_other_account() -> None:
    account = unprivileged_account()
    if os.geteuid() == 0:
        assert account is not None
        assert account.uid != 0
    else:
        assert account is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root asks for another account")
def test_a_machine_without_the_account_is_told_what_to_do() -> None:
    with pytest.raises(StackError, match="LOREBASE_DATABASE_URL"):
        unprivileged_account("no-such-user-here")
