"""Sockets have short paths in a folder that is ours alone."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorebase.embedded.errors import StackError
from lorebase.embedded.run_directory import (
    SOCKET_PATH_MAXIMUM,
    open_run_directory,
    parent_folders,
    remove_run_directory,
)

LONG_HOME = Path(("/" + "a home with spaces/" * 7)[:131])


@pytest.fixture
def parent() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_home_of_131_characters_with_spaces_gets_short_sockets(parent: Path) -> None:
    assert len(str(LONG_HOME)) == 131
    run = open_run_directory(LONG_HOME, None, [parent])
    sockets = [run.valkey_socket, run.milvus_socket, run.postgres / ".s.PGSQL.5432.lock"]
    assert all(len(os.fsencode(path)) <= SOCKET_PATH_MAXIMUM for path in sockets)
    assert all(" " not in str(path) for path in sockets)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1))
def test_any_home_gets_short_sockets(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as folder:
        run = open_run_directory(Path("/home") / name, None, [Path(folder)])
        assert len(os.fsencode(run.milvus_socket)) <= SOCKET_PATH_MAXIMUM
        remove_run_directory(run)
        assert list(Path(folder).iterdir()) == []


def test_the_folders_are_ours_alone(parent: Path) -> None:
    run = open_run_directory(Path("/home"), None, [parent])
    assert mode(run.path) == 0o700
    assert mode(run.postgres) == 0o700


def test_the_same_home_gets_the_same_folder_again(parent: Path) -> None:
    first = open_run_directory(Path("/home"), None, [parent])
    assert open_run_directory(Path("/home"), None, [parent]) == first


def test_two_homes_get_two_folders(parent: Path) -> None:
    first = open_run_directory(Path("/one"), None, [parent])
    assert open_run_directory(Path("/two"), None, [parent]).path != first.path


def test_a_folder_left_open_is_closed_again(parent: Path) -> None:
    run = open_run_directory(Path("/home"), None, [parent])
    run.path.chmod(0o777)
    assert mode(open_run_directory(Path("/home"), None, [parent]).path) == 0o700


def test_a_link_put_in_our_place_is_not_followed(parent: Path) -> None:
    run = open_run_directory(Path("/home"), None, [parent])
    remove_run_directory(run)
    elsewhere = parent / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    run.path.symlink_to(elsewhere)
    other = open_run_directory(Path("/home"), None, [parent])
    assert other.path != run.path
    assert mode(elsewhere) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of someone else")
def test_a_folder_of_someone_else_is_not_used(parent: Path) -> None:
    run = open_run_directory(Path("/home"), None, [parent])
    os.chown(run.path, 65534, 65534)
    assert open_run_directory(Path("/home"), None, [parent]).path != run.path


def test_a_parent_too_long_is_passed_over(parent: Path) -> None:
    long = parent / ("x" * 80)
    long.mkdir()
    assert open_run_directory(Path("/home"), None, [long, parent]).path.parent == parent


def test_a_missing_parent_is_passed_over(parent: Path) -> None:
    assert open_run_directory(Path("/home"), None, [parent / "no", parent]).path.parent == parent


def test_without_any_usable_parent_the_message_names_what_was_tried(parent: Path) -> None:
    with pytest.raises(StackError, match="set TMPDIR") as caught:
        open_run_directory(Path("/home"), None, [parent / "no"])
    assert str(parent / "no") in caught.value.message


def test_the_users_own_runtime_folder_comes_first() -> None:
    folders = parent_folders({"XDG_RUNTIME_DIR": "/run/user/1000"})
    assert folders[0] == Path("/run/user/1000")
    assert folders[-1] == Path("/tmp")


def test_a_relative_runtime_folder_is_ignored() -> None:
    assert Path("relative") not in parent_folders({"XDG_RUNTIME_DIR": "relative"})
