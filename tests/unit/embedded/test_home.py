"""The home is ours; PostgreSQL's data goes where its account can pass."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lorebase.embedded.account import Account
from lorebase.embedded.errors import StackError
from lorebase.embedded.home import Home, locate_home, open_home
from lorebase.embedded.postgres_place import postgres_base

STRANGER = Account("stranger", uid=64_999, gid=64_999)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    assert locate_home(Path(".lorebase")).path == folder / ".lorebase"


def test_a_home_is_made_with_its_parents(folder: Path) -> None:
    home = open_home(folder / "a b" / "c")
    assert home.path.is_dir()
    assert mode(home.folder("milvus")) == 0o700
    assert mode(home.log("api").parent) == 0o700


def test_a_home_shows_nothing_to_others(folder: Path) -> None:
    assert mode(open_home(folder / "home").path) & 0o066 == 0


def test_a_home_in_use_keeps_its_mode(folder: Path) -> None:
    path = folder / "home"
    path.mkdir()
    (path / "something").touch()
    path.chmod(0o700)
    assert mode(open_home(path).path) == 0o700


def test_opening_changes_no_parent(folder: Path) -> None:
    folder.chmod(0o700)
    open_home(folder / "home")
    assert mode(folder) == 0o700


def test_a_home_that_cannot_be_made_is_a_clear_error(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(StackError, match="LOREBASE_HOME"):
        open_home(folder / "file" / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of someone else")
def test_a_home_of_someone_else_is_refused(folder: Path) -> None:
    path = folder / "home"
    path.mkdir()
    os.chown(path, 64_999, 64_999)
    with pytest.raises(StackError, match="belongs to user 64999"):
        open_home(path)
    assert list(path.iterdir()) == []


def test_data_stays_in_a_passable_home(folder: Path) -> None:
    assert postgres_base(Home(folder), STRANGER, ()) == folder
    assert postgres_base(Home(folder), None, ()) == folder


def test_data_goes_outside_a_closed_home_and_the_home_remembers_where(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    base = postgres_base(Home(closed), STRANGER, (folder / "missing", folder))
    assert base.parent == folder
    assert mode(base) == 0o711
    assert mode(closed) == 0o700
    assert postgres_base(Home(closed), STRANGER, ()) == base


def test_data_outside_that_has_gone_is_not_silently_begun_anew(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    postgres_base(Home(closed), STRANGER, (folder,)).rmdir()
    with pytest.raises(StackError, match="which is gone"):
        postgres_base(Home(closed), STRANGER, (folder,))


def test_without_a_folder_for_the_data_the_message_says_what_to_do(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(StackError, match="LOREBASE_HOME"):
        postgres_base(Home(closed), STRANGER, (closed,))
