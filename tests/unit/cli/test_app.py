"""The command as a whole: its help, its version, its exit codes, and how quickly it is there."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from graphql import build_schema
from typer.testing import CliRunner

from lorebase import __version__
from lorebase.cli.app import app
from lorebase.cli.command_group import CommandGroup
from lorebase.cli.errors import ApiRefused, ApiUnreachable, CommandFailed, NotRunning, UsageFailed
from lorebase.core.errors import BadInput, ErrorCode, Unavailable
from tests.fakes.command_line import CommandLine

COMMANDS = {
    *("up", "status", "down", "doctor", "ingest", "search", "ask", "migrate", "version"),
    *("knowledge-base", "key", "workspace", "schema", "eval"),
}


@pytest.fixture
def lorebase(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CommandLine:
    return CommandLine(monkeypatch, tmp_path / "home")


def test_the_help_names_every_command_and_what_the_exit_codes_mean(lorebase: CommandLine) -> None:
    result = lorebase.run("--help")
    assert result.exit_code == 0
    words = set(result.stdout.split())
    assert words >= COMMANDS
    text = " ".join(result.stdout.split())
    assert "0 it worked; 1 it was refused or failed; 2 an argument" in text
    assert "3 Lorebase is not running; 4 the stores disagree" in text


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help(lorebase: CommandLine, command: str) -> None:
    result = lorebase.run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
def test_the_version_is_printed_alone(lorebase: CommandLine, arguments: list[str]) -> None:
    assert lorebase.run(*arguments).stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["serach", "x"],
        ["search"],
        ["search", "x", "--limit", "0"],
        ["search", "x", "--mode", "fuzzy"],
        ["key", "create", "x"],
        ["key", "create", "x", "--scope", "ROOT"],
        ["ingest"],
        ["ingest", ".", "--concurrency", "99"],
        ["ingest", "/none"],
        ["ingest", ".", "--metadata", "nothing"],
    ],
)
def test_wrong_arguments_end_with_2(lorebase: CommandLine, arguments: list[str]) -> None:
    result = lorebase.run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize(
    "arguments", [["status"], ["migrate"], ["workspace", "create", "x"], ["workspace", "first"]]
)
def test_without_a_stack_or_urls_the_exit_code_is_3_and_says_what_to_do(
    lorebase: CommandLine, arguments: list[str]
) -> None:
    result = lorebase.run(*arguments)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "make run" in result.stderr


def test_stopping_what_does_not_run_is_no_failure(lorebase: CommandLine) -> None:
    result = lorebase.run("down")
    assert (result.exit_code, result.stdout) == (0, "Lorebase was not running.\n")


def test_looking_makes_no_home(lorebase: CommandLine) -> None:
    for command in ("status", "down", "doctor"):
        lorebase.run(command)
    assert not lorebase.home.exists()


def test_the_exported_schema_is_the_one_of_this_release(lorebase: CommandLine) -> None:
    result = lorebase.run("schema", "export")
    assert result.exit_code == 0
    assert {"Query", "Mutation", "Subscription"} <= set(build_schema(result.stdout).type_map)
    assert result.stdout == (Path(__file__).parents[3] / "schema" / "schema.graphql").read_text()


ERRORS = {
    "a failed command": (CommandFailed("It failed."), 1, "Error: It failed.\n"),
    "a usage error": (UsageFailed("Not so."), 2, "Error: Not so.\n"),
    "nothing that runs": (NotRunning("Nothing."), 3, "Error: Nothing.\n"),
    "nobody who answers": (ApiUnreachable("Nobody."), 3, "Error: Nobody.\n"),
    "a refusal": (ApiRefused("No.", "FORBIDDEN"), 1, "Error: No. (FORBIDDEN)\n"),
    "an error of a service": (BadInput("Bad slug."), 1, "Error: Bad slug. (BAD_USER_INPUT)\n"),
    "an outage": (
        Unavailable("Out.", code=ErrorCode.DATABASE_UNAVAILABLE),
        1,
        "Error: Out. (DATABASE_UNAVAILABLE)\n",
    ),
    "a file of others": (
        PermissionError(errno.EACCES, "Permission denied", "/home/x"),
        1,
        "Error: Permission denied (/home/x).\n",
    ),
    "a full disk": (OSError(errno.ENOSPC, "No space left on device"), 1, "Error: No space left on device.\n"),
    "an interruption": (KeyboardInterrupt(), 130, "\nStopped.\n"),
    "a message that drives terminals": (CommandFailed("\x1b[2J[red]x[/red]"), 1, "Error: [2J[red]x[/red]\n"),
}


@pytest.mark.parametrize(("error", "code", "said"), ERRORS.values(), ids=ERRORS.keys())
def test_an_expected_failure_is_one_line_and_an_exit_code(error: BaseException, code: int, said: str) -> None:
    raising = typer.Typer(cls=CommandGroup, pretty_exceptions_enable=False)

    @raising.callback()
    def options() -> None:
        """A group."""

    @raising.command()
    def fall() -> None:
        raise error

    result = CliRunner().invoke(raising, ["fall"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", said)


def test_a_bug_is_not_dressed_up_as_an_expected_failure() -> None:
    raising = typer.Typer(cls=CommandGroup, pretty_exceptions_enable=False)

    @raising.callback()
    def options() -> None:
        """A group."""

    @raising.command()
    def fall() -> None:
        raise KeyError("a bug")

    assert isinstance(CliRunner().invoke(raising, ["fall"]).exception, KeyError)


def test_a_traceback_never_shows_values() -> None:
    assert app.pretty_exceptions_enable is False


def test_commands_that_talk_to_the_api_do_not_load_the_databases_libraries() -> None:
    heavy = ["sqlalchemy", "pymilvus", "openai", "alembic", "strawberry", "fastapi"]
    code = f"import sys, lorebase.cli.app; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
