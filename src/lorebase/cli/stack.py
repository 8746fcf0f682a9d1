"""The stack on this machine: up, status, down."""

from __future__ import annotations

from typing import Annotated

import typer

from lorebase.cli.connection.settings import read_settings
from lorebase.cli.errors import ExitCode, NotRunning
from lorebase.cli.output import console
from lorebase.cli.tables import Row, show_rows
from lorebase.core.config import MIB
from lorebase.embedded import supervisor
from lorebase.embedded.status import PartStatus, Phase

HEADINGS = ("part", "state", "pid", "restarts", "MiB", "listens at")
WIDE = {"listens at": 1}


def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything is ready, and leave it running.")
    ] = False,
) -> None:
    """Start everything on this machine: databases, models, API and worker."""
    settings = read_settings()
    if not detach:
        raise typer.Exit(supervisor.run_foreground(settings))
    running = supervisor.start_detached(settings)
    typer.echo(f"Lorebase is ready at {running.url}; credentials are in {running.credentials}.")
    typer.echo("Stop it with `lorebase down`.")


def status() -> None:
    """Show what runs, where it listens and what it needs; exits with 3 when nothing runs."""
    found = supervisor.status(read_settings())
    if found is None:
        raise NotRunning("Lorebase is not running. Start it with `make run` or `lorebase up --detach`.")
    screen = console()
    screen.print(f"{found.url} · {found.phase}", markup=False)
    show_rows(screen, HEADINGS, [row_of(part) for part in found.parts], wide=WIDE)
    screen.print(f"logs: {found.home / 'logs'}", markup=False)
    if found.phase is Phase.FAILED:
        raise typer.Exit(ExitCode.FAILED)


def down() -> None:
    """Stop everything that `up` started."""
    stopped = supervisor.stop(read_settings())
    typer.echo("Lorebase has stopped." if stopped else "Lorebase was not running.")


def row_of(part: PartStatus) -> Row:
    """The cells of a part, as HEADINGS says."""
    memory = "" if part.rss_bytes is None else f"{part.rss_bytes / MIB:.0f}"
    return (part.title, part.state, str(part.pid or ""), str(part.restarts), memory, part.address)
