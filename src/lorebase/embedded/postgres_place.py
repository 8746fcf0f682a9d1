"""Where PostgreSQL keeps its data: in the home, or beside it when its account cannot pass there."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from lorebase.embedded.account import Account, can_enter
from lorebase.embedded.errors import StackError
from lorebase.embedded.home import Home, is_passable
from lorebase.embedded.postgres import PostgresPlace, postgres_binaries
from lorebase.embedded.private_file import write_private
from lorebase.embedded.run_directory import RunDirectory

_NOTE = "postgres-location"
OUTSIDE_PARENTS = (Path("/var/lib"), Path("/var/tmp"))


def open_postgres_place(
    home: Home,
    run: RunDirectory,
    account: Account | None,
    environment: dict[str, str],
    outside_parents: tuple[Path, ...] = OUTSIDE_PARENTS,
) -> PostgresPlace:
    """The place of this home's server; no folder that others made has its modes changed."""
    base = postgres_base(home, account, outside_parents)
    folder = base / "postgres"
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        if account:
            os.chown(folder, account.uid, account.gid)
    binaries = postgres_binaries(account, base / "binaries")
    return PostgresPlace(binaries, folder / "data", run.postgres, home.log("postgres"), account, environment)


def known_data_directory(home: Home) -> Path:
    """Where the data of this home lie, as far as that is decided."""
    note = home.folder(_NOTE)
    base = Path(note.read_text().strip()) if note.is_file() else home.path
    return base / "postgres" / "data"


def postgres_base(home: Home, account: Account | None, outside_parents: tuple[Path, ...]) -> Path:
    """The folder that holds the data, the same at each start; a note in the home says where it is."""
    note = home.folder(_NOTE)
    if note.is_file():
        return _recorded(home, Path(note.read_text().strip()))
    if is_passable(home, account):
        return home.path
    base = _make_outside(account, outside_parents)
    write_private(note, f"{base}\n")
    return base


def _recorded(home: Home, base: Path) -> Path:
    if not base.is_dir():
        raise StackError(
            f"The database of {home.path} was kept in {base}, which is gone. "
            f"Restore it, or remove {home.path} to begin anew."
        )
    return base


def _make_outside(account: Account | None, parents: tuple[Path, ...]) -> Path:
    for parent in parents:
        if parent.is_dir() and os.access(parent, os.W_OK) and can_enter(account, parent):
            base = parent / f"lorebase-{secrets.token_hex(6)}"
            base.mkdir(mode=0o700)
            base.chmod(0o711)
            return base
    raise StackError(
        "PostgreSQL runs as another user than root and reaches no folder that may hold its data: "
        "set LOREBASE_HOME to a folder outside root's home."
    )
