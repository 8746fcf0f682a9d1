"""What the doctor says of a machine, a stack and a credentials file, without asking any server."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from pydantic import SecretStr

from lorebase.cli.connection.running_stack import FOR_SERVICES, filled_in, with_running_stack
from lorebase.cli.errors import NotRunning
from lorebase.cli.examining.doctor_findings import Finding, Level, fail, failed_by, ok, show, warn
from lorebase.cli.examining.doctor_machine import (
    DISK_FULL_BYTES,
    DISK_LOW_BYTES,
    check_disk,
    check_graphiql,
    check_home,
    check_model_files,
    check_python,
    check_stack,
)
from lorebase.cli.examining.doctor_services import check_worker
from lorebase.core.config import Settings
from lorebase.core.errors import ErrorCode, Unavailable
from lorebase.embedded.status import PartState, PartStatus, Phase, StackStatus
from tests.fakes.command_line import CommandLine
from tests.unit.cli.test_output import screen, shown

ADDRESSES = {
    "postgres": "/run/lb-pg",
    "valkey": "/run/lb/valkey.sock",
    "milvus": "/run/lb/milvus.sock",
    "models": "http://127.0.0.1:4321/v1",
    "worker": "",
    "migrate": "",
}


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    return CommandLine(monkeypatch, tmp_path / "home")


@pytest.fixture
def settings(lorebase: CommandLine) -> Settings:
    return Settings(home=lorebase.home)


def stack(
    home: Path, phase: Phase = Phase.READY, state: PartState = PartState.READY, restarts: int = 0
) -> StackStatus:
    parts = tuple(
        PartStatus(
            name, name.title(), state, 7, address, restarts if name == "worker" else 0, 1, home / "log"
        )
        for name, address in ADDRESSES.items()
    )
    return StackStatus(1, phase, "http://127.0.0.1:8000/graphql", home, 1, parts)


def running_home(home: Path) -> Path:
    home.mkdir()
    for name in ("database_password", "database_owner_password", "secret_key"):
        (home / name).write_text(f"{name}\n")
    return home


def test_this_python_is_new_enough() -> None:
    assert check_python().level is Level.OK


def test_model_files_that_set_up_did_not_leave_are_named(tmp_path: Path, settings: Settings) -> None:
    settings.models_directory = tmp_path
    folder = tmp_path / "all-MiniLM-L6-v2"
    folder.mkdir()
    (folder / "tokenizer.json").touch()
    found = check_model_files(settings)
    assert (found.level, found.detail) == (Level.FAIL, f"{folder} lacks model.onnx, manifest.json")
    assert "make setup" in found.mend
    for name in ("model.onnx", "manifest.json"):
        (folder / name).touch()
    assert check_model_files(settings).level is Level.OK


def test_with_remote_models_the_tokenizer_alone_is_needed(tmp_path: Path, settings: Settings) -> None:
    remote = settings.model_copy(
        update={"models_directory": tmp_path, "embedding_model": "e", "chat_model": "c"}
    )
    assert check_model_files(remote).detail.endswith("lacks tokenizer.json")
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    (tmp_path / "all-MiniLM-L6-v2" / "tokenizer.json").touch()
    assert check_model_files(remote).level is Level.OK


def test_a_page_that_was_not_built_whole_is_a_warning(tmp_path: Path, settings: Settings) -> None:
    assert check_graphiql(settings, tmp_path).level is Level.WARN
    (tmp_path / "manifest.json").write_text(
        '{"script": "a.js", "style": "a.css", "files": ["a.js", "a.css"]}'
    )
    (tmp_path / "a.js").touch()
    assert check_graphiql(settings, tmp_path).level is Level.WARN
    (tmp_path / "a.css").touch()
    assert check_graphiql(settings, tmp_path).level is Level.OK
    (tmp_path / "manifest.json").write_text("{")
    assert check_graphiql(settings, tmp_path).level is Level.WARN
    switched_off = settings.model_copy(update={"graphiql": False})
    assert check_graphiql(switched_off, tmp_path).level is Level.OK


def test_a_home_that_is_not_there_yet_can_be_made(settings: Settings) -> None:
    assert check_home(settings) == ok("home", f"{settings.home}, to be made at the first start")
    settings.home.mkdir()
    assert check_home(settings) == ok("home", str(settings.home))


def test_a_home_that_is_a_file_cannot_be_written(settings: Settings) -> None:
    settings.home.write_text("in the way")
    assert check_home(settings).level is Level.FAIL
    below = settings.model_copy(update={"home": settings.home / "below"})
    assert check_home(below).level is Level.FAIL


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_home_of_another_user_is_refused(settings: Settings) -> None:
    settings.home.mkdir()
    os.chown(settings.home, 65534, -1)
    found = check_home(settings)
    assert (found.level, "another user" in found.detail) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (DISK_LOW_BYTES, Level.OK),
        (DISK_LOW_BYTES - 1, Level.WARN),
        (DISK_FULL_BYTES, Level.WARN),
        (DISK_FULL_BYTES - 1, Level.FAIL),
    ],
)
def test_a_disk_that_fills_up_is_told_of_before_it_is_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, level: Level
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, free))
    assert check_disk(settings).level is level


@pytest.mark.parametrize(
    ("phase", "state", "restarts", "level"),
    [
        (Phase.READY, PartState.READY, 0, Level.OK),
        (Phase.READY, PartState.READY, 2, Level.WARN),
        (Phase.STARTING, PartState.STARTING, 0, Level.WARN),
        (Phase.STOPPING, PartState.STOPPING, 0, Level.WARN),
        (Phase.READY, PartState.RESTARTING, 1, Level.FAIL),
        (Phase.FAILED, PartState.FAILED, 0, Level.FAIL),
        (Phase.FAILED, PartState.STOPPED, 0, Level.FAIL),
    ],
)
def test_a_stack_is_as_well_as_its_parts(
    tmp_path: Path, phase: Phase, state: PartState, restarts: int, level: Level
) -> None:
    found = check_stack(stack(tmp_path, phase, state, restarts))
    assert found.level is level
    assert bool(found.mend) is (level is not Level.OK)


def test_a_worker_is_known_by_its_heartbeat(settings: Settings) -> None:
    assert check_worker(settings, is_here=True).level is Level.FAIL
    assert check_worker(settings, is_here=False).level is Level.WARN
    settings.home.mkdir()
    heartbeat = settings.home / "worker.heartbeat"
    heartbeat.touch()
    assert check_worker(settings, is_here=True).level is Level.OK
    os.utime(heartbeat, (0, 0))
    assert check_worker(settings, is_here=False).level is Level.FAIL


def test_something_that_fails_makes_the_exit_code_1(lorebase: CommandLine, tmp_path: Path) -> None:
    lorebase.set(LOREBASE_MODELS_DIRECTORY=str(tmp_path))
    result = lorebase.run("doctor")
    assert result.exit_code == 1
    assert "fail  local model" in result.stdout
    assert "      → run `make setup`" in result.stdout


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (
            Unavailable("Out of reach.", code=ErrorCode.DATABASE_UNAVAILABLE, details={"reason": "28P01"}),
            "Out of reach. (28P01)",
        ),
        (NotRunning("Nothing runs."), "Nothing runs."),
        (TimeoutError(), "it does not answer"),
        (ValueError("postgresql://me:hush@host"), "it cannot be asked (ValueError)"),
    ],
)
def test_what_a_check_runs_into_is_told_without_the_words_of_strangers(error: Exception, detail: str) -> None:
    assert failed_by(error, "it", "mend it") == fail("it", detail, "mend it")


@pytest.mark.parametrize(
    ("finding", "lines"),
    [
        (ok("home", "[red]x[/red]"), ["ok    home: [red]x[/red]"]),
        (warn("home", "a\nb", "mend [it]"), ["warn  home: a b", "      → mend [it]"]),
        (fail("home", "\x1b[31mx", "mend"), ["fail  home: [31mx", "      → mend"]),
    ],
)
def test_a_finding_is_a_line_and_what_to_do_is_below_it(finding: Finding, lines: list[str]) -> None:
    console = screen(terminal=False, width=20)
    show(console, finding)
    assert shown(console).splitlines() == lines


def test_the_urls_that_are_not_set_are_those_of_the_running_stack(settings: Settings) -> None:
    home = running_home(settings.home)
    filled = filled_in(settings, stack(home))
    assert filled.database_url == SecretStr(
        "postgresql+asyncpg://lorebase_app:database_password@/lorebase?host=/run/lb-pg"
    )
    assert filled.database_owner_url is not None
    assert "lorebase_owner:database_owner_password@" in filled.database_owner_url.get_secret_value()
    assert filled.redis_url == SecretStr("unix:///run/lb/valkey.sock")
    assert filled.milvus_uri == "unix:/run/lb/milvus.sock"
    assert filled.local_models_url == "http://127.0.0.1:4321/v1"
    assert filled.secret_key == SecretStr("secret_key")


def test_a_url_that_is_set_is_kept(settings: Settings) -> None:
    home = running_home(settings.home)
    own = settings.model_copy(update={"redis_url": SecretStr("redis://elsewhere"), "milvus_uri": "http://m"})
    filled = filled_in(own, stack(home))
    assert (filled.redis_url, filled.milvus_uri) == (SecretStr("redis://elsewhere"), "http://m")


def test_without_a_stack_the_settings_stay_and_what_is_missing_is_named(settings: Settings) -> None:
    assert filled_in(settings, None) is settings
    own = settings.model_copy(update={"redis_url": SecretStr("redis://elsewhere")})
    with pytest.raises(NotRunning) as missing:
        with_running_stack(own, FOR_SERVICES)
    assert "LOREBASE_DATABASE_URL, LOREBASE_MILVUS_URI, LOREBASE_SECRET_KEY" in missing.value.message
