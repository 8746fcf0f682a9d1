"""The whole stack of stores under the real supervisor: start, fault, recovery, stop."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
from pathlib import Path

import asyncpg
import pytest
import redis

from lorebase.embedded.errors import AlreadyRunning, StartFailed
from lorebase.embedded.plan import APP
from lorebase.embedded.postgres import OWNER
from lorebase.embedded.status import PartState, Phase
from lorebase.embedded.supervisor import start_detached, status, stop
from tests.integration.embedded.conftest import COMMAND, PROJECT, Stack
from tests.integration.embedded_parts import is_alive, wait_until

STORES = {"postgres", "valkey", "milvus", "api"}
FEW = {"STACK_PARTS": "valkey api"}
SECRETS = ("secret_key", "database_password", "database_owner_password")


async def connect(stack: Stack, database: str = "lorebase") -> asyncpg.Connection:
    sockets = next(part.address for part in stack.record.parts if part.name == "postgres")
    password = stack.home.folder("database_owner_password").read_text().strip()
    return await asyncpg.connect(host=sockets, user=OWNER, password=password, database=database)


def valkey(stack: Stack) -> redis.Redis:
    address = next(part.address for part in stack.record.parts if part.name == "valkey")
    return redis.Redis(unix_socket_path=address)


def assert_all_gone(pids: dict[str, int]) -> None:
    wait_until(lambda: not any(map(is_alive, pids.values())), f"the end of {pids}")


async def test_the_stack_starts_keeps_its_data_and_stops_in_order(stack: Stack) -> None:
    stack.up()
    pids = stack.pids()
    assert set(pids) == STORES
    connection = await connect(stack)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')")
    await connection.close()
    with valkey(stack) as client:
        client.set("kept", "here")
    secrets = [stack.home.folder(name).read_text() for name in SECRETS]
    code, out, err = stack.end()
    assert (code, err) == (0, "")
    assert "Lorebase is ready: http://127.0.0.1:" in out
    assert out.rstrip().endswith("Lorebase is stopped.")
    assert not any(map(is_alive, pids.values()))
    assert stack.record.run_directory is not None
    assert not stack.record.run_directory.exists()

    stack.up()
    connection = await connect(stack)
    assert await connection.fetchval("SELECT word FROM kept") == "here"
    await connection.close()
    with valkey(stack) as client:
        assert client.get("kept") == b"here"
    assert [stack.home.folder(name).read_text() for name in SECRETS] == secrets
    assert stack.end()[0] == 0


@pytest.mark.parametrize("name", ["postgres", "valkey", "milvus", "api"])
def test_a_killed_part_is_started_again_and_the_others_stay(standing: Stack, name: str) -> None:
    before, restarts = standing.pids(), standing.restarts(name)
    os.kill(before[name], signal.SIGKILL)
    wait_until(lambda: standing.restarts(name) > restarts, f"the restart of {name}")
    wait_until(lambda: all(part.state in ("ready", "done") for part in standing.record.parts), "all ready")
    after = standing.pids()
    assert after[name] != before[name]
    assert {key for key in STORES if before[key] == after[key]} == STORES - {name}


def test_a_second_supervisor_says_that_the_first_runs(standing: Stack) -> None:
    second = standing.spawn()
    standing.processes.remove(second)
    _, err = second.communicate(timeout=60)
    assert second.returncode == 1
    assert "already runs" in err.decode()
    assert "lorebase down" in err.decode()
    assert standing.processes[0].poll() is None


def test_secrets_and_sockets_are_private(standing: Stack) -> None:
    record = standing.record
    for name in (*SECRETS, "state.json"):
        assert stat.S_IMODE(standing.home.folder(name).stat().st_mode) == 0o600
    assert record.run_directory is not None
    assert stat.S_IMODE(record.run_directory.stat().st_mode) == 0o700
    for part in record.parts:
        assert stat.S_IMODE(part.log.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives PostgreSQL another account")
def test_under_root_postgresql_runs_as_someone_else(standing: Stack) -> None:
    owner = (standing.home.path / "postgres" / "data").stat().st_uid
    assert owner != 0
    status_lines = Path(f"/proc/{standing.pids()['postgres']}/status").read_text().splitlines()
    assert next(line for line in status_lines if line.startswith("Uid:")).split()[1:] == [str(owner)] * 4
    assert next(line for line in status_lines if line.startswith("Groups:")).split()[1:] == []


async def test_the_database_has_its_owner_and_leaves_the_login_to_the_migration(standing: Stack) -> None:
    connection = await connect(standing)
    assert await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = $1", OWNER)
    assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", APP) == 0
    await connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_recovers(stack: Stack) -> None:
    stack.up()
    connection = await connect(stack)
    await connection.execute("CREATE TABLE kept (word text); INSERT INTO kept VALUES ('here')")
    backends = [row["pid"] for row in await connection.fetch("SELECT pid FROM pg_stat_activity")]
    pids = {**stack.pids(), **{f"backend {pid}": pid for pid in backends}}
    stack.processes[-1].kill()
    assert_all_gone(pids)
    connection.terminate()

    stack.up()
    connection = await connect(stack)
    assert await connection.fetchval("SELECT word FROM kept") == "here"
    await connection.close()


def test_everything_killed_at_once_recovers(stack: Stack) -> None:
    stack.up()
    pids = stack.pids()
    for pid in (stack.processes[-1].pid, *pids.values()):
        os.kill(pid, signal.SIGKILL)
    stack.up()
    assert not any(map(is_alive, pids.values()))


def test_a_supervisor_killed_while_starting_harms_nothing(stack: Stack) -> None:
    process = stack.spawn()
    half = stack.home.path / "postgres" / "data.half"
    wait_until(lambda: half.is_dir() or (stack.home.path / "postgres" / "data").is_dir(), "initdb")
    process.kill()
    process.wait()
    stack.up()
    assert not half.exists()


def test_a_long_home_with_spaces_and_no_locale(home: Path) -> None:
    deep = home
    while len(str(deep)) < 131:
        deep = deep / "a folder with spaces"[: max(130 - len(str(deep)), 1)]
    stack = Stack(deep)
    try:
        stack.up(LC_ALL="xx_XX.nonsense", LANG="also nonsense")
        assert len(str(stack.home.path)) >= 131
        assert stack.end()[0] == 0
        stack.up()
    finally:
        stack.close()


def test_a_taken_port_is_named_with_a_way_out(stack: Stack) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", stack.port))
        listener.listen()
        process = stack.spawn()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"127.0.0.1:{stack.port}" in err.decode()
    assert "LOREBASE_PORT=" in err.decode()
    assert str(os.getpid()) in err.decode()


def test_a_part_that_cannot_start_stops_everything_and_shows_its_log(stack: Stack) -> None:
    process = stack.spawn(**FEW, STACK_BROKEN="1")
    _, err = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "the disk is made of cheese" in err.decode()
    assert stack.record.phase is Phase.FAILED
    assert stack.pids() == {}
    broken = next(part for part in stack.record.parts if part.name == "broken")
    assert broken.state is PartState.FAILED


def test_ctrl_c_stops_everything(stack: Stack) -> None:
    stack.up()
    pids = stack.pids()
    process = stack.processes[-1]
    # What a terminal does: the signal goes to the whole foreground group.
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not any(map(is_alive, pids.values()))


def detach(stack: Stack, monkeypatch: pytest.MonkeyPatch, **environment: str) -> int:
    for name, value in {**stack.environment, **environment}.items():
        monkeypatch.setenv(name, value)
    running = start_detached(stack.settings, wait_seconds=60, command=COMMAND)
    assert running.url == f"http://127.0.0.1:{stack.port}/graphql"
    return running.pid


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_detached_stack_is_ready_holds_nothing_of_ours_and_stops(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    pid = detach(stack, monkeypatch, **FEW)
    os.close(write_end)
    try:
        for process in (pid, *stack.pids().values()):
            targets = [os.readlink(fd) for fd in Path(f"/proc/{process}/fd").iterdir()]
            assert not [target for target in targets if "tty" in target or "/pts/" in target]
        # With every writer gone the pipe is at its end; a child that held it would keep us waiting.
        os.set_blocking(read_end, False)
        assert os.read(read_end, 1) == b""
        assert os.getsid(pid) == pid

        found = status(stack.settings)
        assert found is not None
        assert (found.pid, found.phase) == (pid, Phase.READY)
        assert {part.name for part in found.parts if part.rss_bytes} == {"valkey", "api"}
        assert found.rss_bytes is not None
        assert found.rss_bytes > 10_000_000
        with pytest.raises(AlreadyRunning):
            start_detached(stack.settings, command=COMMAND)
    finally:
        pids = stack.pids()
        assert stop(stack.settings)
        os.close(read_end)
    assert not any(map(is_alive, [pid, *pids.values()]))
    assert status(stack.settings) is None
    assert not stop(stack.settings)


def test_a_detached_stack_that_cannot_start_says_why(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    with pytest.raises(StartFailed, match="the disk is made of cheese"):
        detach(stack, monkeypatch, **FEW, STACK_BROKEN="1")
    assert status(stack.settings) is None


def test_a_detached_stack_that_is_late_is_stopped(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartFailed, match="not ready within 0 s"):
        start_detached(stack.settings, wait_seconds=0.01, command=COMMAND)
    assert status(stack.settings) is None


def test_nothing_runs_in_a_home_that_is_not_there(stack: Stack) -> None:
    assert status(stack.settings) is None
    assert not stop(stack.settings)
    assert not stack.home.path.exists()
