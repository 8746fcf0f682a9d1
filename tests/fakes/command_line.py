"""Calls the `lorebase` command within the test's own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lorebase.cli.app import app
from lorebase.core.config import get_settings, process_environment
from tests.fakes.api_server import FakeApiServer
from tests.fakes.api_world import ApiWorld


class CommandLine:
    """The command with settings of its own; nothing of the tester's reaches it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        self.home = home
        self._monkeypatch = monkeypatch
        for name in process_environment():
            if name.startswith(("LOREBASE_", "OPENAI_", "FORCE_COLOR", "TTY_", "COLUMNS")):
                monkeypatch.delenv(name)
        self.set(LOREBASE_HOME=str(home))

    def set(self, **variables: str) -> None:
        """Sets environment variables for the commands to come."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)
        get_settings.cache_clear()

    def run(self, *arguments: str) -> Result:
        """Runs the command. What it did not expect is raised."""
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(arguments))
        get_settings.cache_clear()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


class ConnectedCommandLine(CommandLine):
    """The command, pointed at a fake API by a credentials file or by the environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: Path, server: FakeApiServer) -> None:
        super().__init__(monkeypatch, home)
        self.server = server
        self.set(LOREBASE_URL=server.url, LOREBASE_API_KEY=server.world.api_key)

    @property
    def world(self) -> ApiWorld:
        """What the API knows."""
        return self.server.world


@contextmanager
def connected(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[ConnectedCommandLine]:
    """A command line and the fake API it talks to."""
    with FakeApiServer() as server:
        yield ConnectedCommandLine(monkeypatch, home, server)
