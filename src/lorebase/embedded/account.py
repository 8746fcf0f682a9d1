"""The account PostgreSQL runs as: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from lorebase.embedded.errors import StackError


@dataclass(frozen=True)
class Account:
    """A user of this machine that a child is started as."""

    name: str
    uid: int
    gid: int


def unprivileged_account(name: str = "nobody") -> Account | None:
    """The account for a part that refuses root; None when we are not root and need none."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise StackError(
            f"PostgreSQL does not run as root and this machine has no user {name!r}. "
            "Run Lorebase as an ordinary user, or set LOREBASE_DATABASE_URL."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def can_enter(account: Account | None, directory: Path) -> bool:
    """Whether the account passes through `directory` and every parent of it (mode bits only)."""
    if account is None:
        return True
    return all(_may(account, folder, stat.S_IXUSR) for folder in (directory, *directory.parents))


def can_execute(account: Account | None, program: Path) -> bool:
    """Whether the account reaches `program`, reads it and runs it."""
    if account is None:
        return True
    readable = _may(account, program, stat.S_IRUSR | stat.S_IXUSR)
    return readable and can_enter(account, program.parent)


def _may(account: Account, path: Path, owner_bits: int) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    shift = 0 if found.st_uid == account.uid else 3 if found.st_gid == account.gid else 6
    wanted = owner_bits >> shift
    return found.st_mode & wanted == wanted
