"""A short, private folder for sockets: the system allows them about 100 characters of path."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lorebase.embedded.account import Account, can_enter
from lorebase.embedded.errors import StackError

SOCKET_PATH_MAXIMUM = 100
_LONGEST_NAME = len("/lorebase-0123456789ab-pg/.s.PGSQL.5432.lock")


@dataclass(frozen=True)
class RunDirectory:
    """`path` is for our own sockets, `postgres` belongs to the account PostgreSQL runs as."""

    path: Path
    postgres: Path

    @property
    def valkey_socket(self) -> Path:
        """Where Valkey listens."""
        return self.path / "valkey.sock"

    @property
    def milvus_socket(self) -> Path:
        """Where the owner of Milvus Lite listens."""
        return self.path / "milvus.sock"


def parent_folders(environment: Mapping[str, str]) -> list[Path]:
    """Where run directories may stand, the best first: private to the user, then temporary."""
    named = [environment.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"]
    return [Path(name) for name in named if name.startswith("/")]


def open_run_directory(home: Path, account: Account | None, parents: Iterable[Path]) -> RunDirectory:
    """The run directory of this home, the same at each start, however long the home's own path is."""
    parent = _choose(parents, account)
    name = "lorebase-" + hashlib.sha256(f"{os.geteuid()}:{home}".encode()).hexdigest()[:12]
    # Someone else may have taken the name in a shared folder; another one does as well.
    for chosen in (name, f"lorebase-{secrets.token_hex(6)}"):
        run = RunDirectory(parent / chosen, parent / f"{chosen}-pg")
        owner = account.uid if account else os.geteuid()
        if _claim(run.path, os.geteuid()) and _claim(run.postgres, owner):
            return run
    raise StackError(f"Cannot make a private folder for sockets in {parent}.")


def remove_run_directory(run: RunDirectory) -> None:
    """Removes both folders and the sockets left in them."""
    shutil.rmtree(run.path, ignore_errors=True)
    shutil.rmtree(run.postgres, ignore_errors=True)


def _choose(parents: Iterable[Path], account: Account | None) -> Path:
    candidates = list(parents)
    for parent in candidates:
        short = len(os.fsencode(parent)) + _LONGEST_NAME <= SOCKET_PATH_MAXIMUM
        if short and os.access(parent, os.W_OK | os.X_OK) and can_enter(account, parent):
            return parent
    tried = ", ".join(map(str, candidates))
    raise StackError(f"No short, writable folder for sockets among {tried}: set TMPDIR to one.")


def _claim(path: Path, owner: int) -> bool:
    try:
        path.mkdir(mode=0o700)
        if owner != os.geteuid():
            os.chown(path, owner, -1)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            return False
        path.chmod(0o700)
    return True
