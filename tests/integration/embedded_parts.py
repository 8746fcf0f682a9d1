"""Fixtures over the real embedded parts, each started when a test first asks for it."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import psutil
import pytest
import redis

from lorebase.core.config import process_environment
from lorebase.embedded.account import unprivileged_account
from lorebase.embedded.child import Child
from lorebase.embedded.logs import tail
from lorebase.embedded.part import OneShot, OneShotResult, Part
from lorebase.embedded.postgres import (
    OWNER,
    PostgresPlace,
    create_database_part,
    database_url,
    initdb_part,
    postgres_binaries,
    postgres_part,
)
from lorebase.embedded.probes import socket_accepts
from lorebase.embedded.valkey import valkey_part

DEADLINE_SECONDS = 60.0
PASSWORD = "only-for-tests"


def wait_until(true: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Polls until `true` holds; fails the test when it never does."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        pause.wait(0.01)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not collected does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def clean_environment() -> dict[str, str]:
    """The environment of the tests' children: paths only, so that no setting of this shell leaks in."""
    inherited = process_environment()
    kept = {name: inherited[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in inherited}
    return {**kept, "HOME": "/nonexistent", "PYTHON_DOTENV_DISABLED": "1"}


def run_one_shot(part: OneShot) -> OneShotResult:
    """Runs it to its end and asserts that it was accepted."""
    child = Child(part)
    child.start()
    wait_until(lambda: not child.running, part.title)
    result = OneShotResult(child.poll() or 0, child.read_output(), tail(part.log))
    assert part.accepts(result), result
    part.finished(result)
    return result


def start_part(part: Part) -> Child:
    """Starts it and waits until its probe is content; starts it again when it dies on the way."""
    child = Child(part)
    child.start()

    def ready() -> bool:
        if not child.running:
            child.start()
        return part.probe()

    wait_until(ready, f"{part.title} ready")
    return child


def postgres_place(base: Path) -> PostgresPlace:
    """A place for a server below `base`, which any user must be able to pass."""
    account = unprivileged_account()
    home = base / "postgres"
    sockets = base / "s"
    for folder in (home, sockets):
        folder.mkdir(mode=0o700, exist_ok=True)
        if account:
            os.chown(folder, account.uid, account.gid)
    binaries = postgres_binaries(account, base / "binaries")
    return PostgresPlace(
        binaries, home / "data", sockets, base / "postgres.log", account, clean_environment()
    )


def milvus_owner_part(base: Path) -> Part:
    """An owner of `base/milvus` on a socket in `base`."""
    socket = base / "milvus.sock"
    return Part(
        name="milvus",
        title="Milvus Lite",
        command=(
            *(sys.executable, "-m", "lorebase.embedded.milvus_owner"),
            *(str(base / "milvus"), f"unix:{socket}"),
        ),
        environment=clean_environment(),
        log=base / "milvus.log",
        probe=lambda: socket_accepts(socket),
        address=f"unix:{socket}",
    )


class EmbeddedSession:
    """The servers of one test session, started on first use."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.started: list[Child] = []

    def _start(self, part: Part) -> Child:
        child = start_part(part)
        self.started.append(child)
        return child

    @cached_property
    def postgres(self) -> PostgresPlace:
        """A running PostgreSQL."""
        place = postgres_place(self.base)
        initdb = initdb_part(place, PASSWORD)
        if initdb:
            run_one_shot(initdb)
        server = postgres_part(place)
        # A test database need not survive a power cut.
        self._start(
            replace(server, command=(*server.command, "-c", "fsync=off", "-c", "max_connections=200"))
        )
        return place

    @cached_property
    def redis_url(self) -> str:
        """A running Valkey."""
        socket = self.base / "valkey.sock"
        self._start(valkey_part(self.base / "valkey", socket, self.base / "valkey.log", clean_environment()))
        return f"unix://{socket}"

    @cached_property
    def milvus_uri(self) -> str:
        """A running owner of Milvus Lite."""
        return self._start(milvus_owner_part(self.base)).part.address

    def stop(self) -> None:
        """Stops what was started, the last first."""
        for child in reversed(self.started):
            child.stop()


@pytest.fixture(scope="session")
def embedded_session() -> Iterator[EmbeddedSession]:
    """The session's servers; a test asks for `postgres_url`, `redis_url` or `milvus_uri` instead."""
    base = Path(tempfile.mkdtemp(prefix="lb-", dir="/tmp"))
    base.chmod(0o711)
    session = EmbeddedSession(base)
    yield session
    session.stop()
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def postgres_url(embedded_session: EmbeddedSession) -> Iterator[str]:
    """The owner's URL (postgresql+asyncpg://…) of a new, empty database; dropped after the test."""
    place = embedded_session.postgres
    name = f"test_{secrets.token_hex(6)}"
    create = create_database_part(place, PASSWORD, name)
    run_one_shot(create)
    yield database_url(place.sockets, OWNER, PASSWORD, name)
    drop = (str(place.binaries / "dropdb"), "--force", *create.command[1:])
    run_one_shot(replace(create, command=drop))


@pytest.fixture
def redis_url(embedded_session: EmbeddedSession) -> str:
    """unix://… of the session's Valkey, emptied before the test."""
    url = embedded_session.redis_url
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture
def milvus_uri(embedded_session: EmbeddedSession) -> str:
    """unix:… of the session's Milvus owner; it is shared, so choose a collection name of your own."""
    return embedded_session.milvus_uri
