"""What the doctor says of ports and servers that it has to ask."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from lorebase.cli.examining.doctor_findings import Level
from lorebase.cli.examining.doctor_machine import check_port
from lorebase.cli.examining.redis_version import redis_version
from lorebase.core.config import Settings
from lorebase.embedded.ports import free_port
from lorebase.embedded.status import Phase, StackStatus
from tests.fakes.api_server import FakeApiServer
from tests.fakes.command_line import CommandLine


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    return CommandLine(monkeypatch, tmp_path / "home")


@pytest.fixture
def settings(lorebase: CommandLine) -> Settings:
    return Settings(home=lorebase.home)


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as server:
        yield server


def lines_of(lorebase: CommandLine) -> list[str]:
    return lorebase.run("doctor").stdout.splitlines()


def test_a_port_is_free_or_taken_or_ours(settings: Settings) -> None:
    mine = settings.model_copy(update={"port": free_port()})
    assert check_port(mine, None).level is Level.OK
    with socket.create_server((mine.host, mine.port)):
        taken = check_port(mine, None)
        assert taken.level is Level.FAIL
        assert str(mine.port) in taken.detail
        assert check_port(
            mine, StackStatus(1, Phase.READY, "http://127.0.0.1:1/graphql", mine.home, 1, ())
        ).detail.startswith("ours")


def test_an_api_that_is_named_and_gone_is_a_failure(lorebase: CommandLine) -> None:
    lorebase.set(LOREBASE_URL=f"http://127.0.0.1:{free_port()}/graphql", LOREBASE_API_KEY="lb_secret")
    result = lorebase.run("doctor")
    assert result.exit_code == 1
    assert "fail  API: Nobody answers" in result.stdout
    assert "lb_secret" not in result.stdout


def test_servers_that_are_named_and_gone_are_failures_that_tell_no_password(lorebase: CommandLine) -> None:
    gone = f"127.0.0.1:{free_port()}"
    lorebase.set(
        LOREBASE_DATABASE_URL=f"postgresql+asyncpg://me:hush@{gone}/lorebase",
        LOREBASE_REDIS_URL=f"redis://me:hush@{gone}/0",
        LOREBASE_MILVUS_TIMEOUT_SECONDS="1",
        LOREBASE_MILVUS_URI=f"http://{gone}",
    )
    result = lorebase.run("doctor")
    failed = [line[6:].partition(":")[0] for line in result.stdout.splitlines() if line.startswith("fail")]
    assert failed[-5:] == ["PostgreSQL", "database login", "migrations", "Redis", "Milvus"]
    assert "→ check LOREBASE_DATABASE_URL" in result.stdout
    assert "hush" not in result.output


def test_without_a_stack_the_doctor_says_so_and_checks_what_can_be_checked(lorebase: CommandLine) -> None:
    lorebase.set(LOREBASE_PORT=str(free_port()))
    result = lorebase.run("doctor")
    lines = result.stdout.splitlines()
    subjects = [line[6:].partition(":")[0] for line in lines if line[:5].strip() in list(Level)]
    assert subjects == ["Python", "local model", "GraphiQL", "home", "disk", "port", "stack"]
    assert any(line.startswith("warn  stack: not running here") for line in lines)
    assert any("lorebase up --detach" in line for line in lines if line.startswith("      →"))
    assert result.exit_code == (1 if any(line.startswith("fail") for line in lines) else 0)


def test_an_api_that_knows_the_key_is_well_and_one_that_does_not_is_a_failure(
    lorebase: CommandLine, server: FakeApiServer
) -> None:
    lorebase.set(LOREBASE_URL=server.url, LOREBASE_API_KEY="lb_fake")
    known = next(line for line in lines_of(lorebase) if "API" in line)
    assert known.startswith("ok    API: ")
    assert known.endswith("knows the key: workspace “Default”, scopes ADMIN, ASK, READ, WRITE")
    lorebase.set(LOREBASE_API_KEY="lb_wrong")
    unknown = next(line for line in lines_of(lorebase) if "API" in line)
    assert unknown == "fail  API: The API key is not valid."


def test_a_port_where_another_lorebase_listens_is_a_warning_unless_the_parts_run_elsewhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, server: FakeApiServer
) -> None:
    port = int(server.url.split(":")[2].partition("/")[0])
    taken = settings.model_copy(update={"port": port})
    assert check_port(taken, None).level is Level.FAIL
    server.lives = True
    assert check_port(taken, None).level is Level.WARN
    deployed = taken.model_copy(update={"database_url": SecretStr("postgresql+asyncpg://elsewhere")})
    assert check_port(deployed, None).level is Level.OK


async def test_a_real_valkey_says_its_version(redis_url: str) -> None:
    version = await redis_version(redis_url)
    assert version is not None
    assert version.startswith("valkey 9.")


async def test_a_server_that_is_no_redis_has_no_version() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert await redis_version(f"redis://127.0.0.1:{port}/0") is None
    assert await redis_version(f"redis://127.0.0.1:{port}/0") is None
    assert await redis_version("rediss://127.0.0.1:1/0") is None
    assert await redis_version("redis://127.0.0.1:none/0") is None


async def test_a_password_is_given_before_the_question() -> None:
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readuntil(b"hush\r\n"))
        writer.write(b"+OK\r\n")
        received.extend(await reader.readuntil(b"server\r\n"))
        info = b"# Server\r\nredis_version:7.2.4\r\n"
        writer.write(b"$%d\r\n%s\r\n" % (len(info), info))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert await redis_version(f"redis://me:hush@127.0.0.1:{port}/0") == "redis 7.2.4"
    assert bytes(received).startswith(b"*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$4\r\nhush\r\n*2\r\n")
