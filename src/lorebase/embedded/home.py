"""The folder of one embedded stack: who may enter it, and what lies where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lorebase.embedded.account import Account, can_enter
from lorebase.embedded.errors import StackError

_FOLDERS = ("logs", "valkey", "milvus", "blobs")


@dataclass(frozen=True)
class Home:
    """Paths below LOREBASE_HOME; `path` is absolute."""

    path: Path

    @property
    def lock(self) -> Path:
        """Locked for as long as a supervisor lives."""
        return self.path / "lock"

    @property
    def state(self) -> Path:
        """What the supervisor last said of its parts."""
        return self.path / "state.json"

    @property
    def credentials(self) -> Path:
        """The first workspace and its key, for scripts."""
        return self.path / "credentials.json"

    @property
    def supervisor_log(self) -> Path:
        """What a detached supervisor writes."""
        return self.log("supervisor")

    def log(self, part: str) -> Path:
        """The log of one part."""
        return self.path / "logs" / f"{part}.log"

    def folder(self, name: str) -> Path:
        """The folder of one store."""
        return self.path / name


def locate_home(path: Path) -> Home:
    """The home at `path`, which need not exist yet."""
    return Home(Path(os.path.abspath(path.expanduser())))


def open_home(path: Path) -> Home:
    """Makes the folder and its subfolders where they are missing; they are ours alone.

    Root's home lets others pass, not look, since PostgreSQL lives in it under another user.
    """
    home = locate_home(path)
    try:
        home.path.parent.mkdir(parents=True, exist_ok=True)
        home.path.mkdir(mode=0o700, exist_ok=True)
        _refuse_a_home_of_others(home)
        if os.geteuid() == 0 and not any(home.path.iterdir()):
            home.path.chmod(0o711)
        for name in _FOLDERS:
            home.folder(name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StackError(
            f"Cannot use {home.path} ({error.strerror}). Set LOREBASE_HOME to a folder you may write to."
        ) from error
    return home


def _refuse_a_home_of_others(home: Home) -> None:
    owner = home.path.stat().st_uid
    if owner != os.geteuid():
        raise StackError(
            f"{home.path} belongs to user {owner}, this is user {os.geteuid()}. "
            "Run as that user, or set LOREBASE_HOME to another folder."
        )


def is_passable(home: Home, account: Account | None) -> bool:
    """Whether the account reaches what lies in the home."""
    return can_enter(account, home.path)
