"""The stack on this machine: up, status, down."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lorebase.core.config import get_settings
from lorebase.embedded import supervisor
from lorebase.embedded.status import StackStatus

MIB = 1024 * 1024


def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything is ready, and leave it running.")
    ] = False,
) -> None:
    """Start everything on this machine: databases, models, API and worker."""
    settings = get_settings()
    if not detach:
        sys.exit(supervisor.run_foreground(settings))
    running = supervisor.start_detached(settings)
    typer.echo(f"Lorebase is ready at {running.url}; credentials are in {running.credentials}.")
    typer.echo("Stop it with `lorebase down`.")


def status() -> None:
    """Show what runs, where it listens and what it needs; exits with 3 when nothing runs."""
    found = supervisor.status(get_settings())
    if found is None:
        typer.echo("Lorebase is not running. Start it with `make run` or `lorebase up --detach`.")
        sys.exit(3)
    Console().print(_table(found))


def down() -> None:
    """Stop everything that `up` started."""
    stopped = supervisor.stop(get_settings())
    typer.echo("Lorebase has stopped." if stopped else "Lorebase was not running.")


def _table(found: StackStatus) -> Table:
    table = Table(title=f"{found.url} · {found.phase}", title_justify="left")
    for column in ("part", "state", "pid", "restarts", "MiB", "listens at", "log"):
        table.add_column(column, overflow="fold")
    for part in found.parts:
        memory = "" if part.rss_bytes is None else f"{part.rss_bytes / MIB:.0f}"
        cells = (part.title, part.state, str(part.pid or ""), str(part.restarts), memory)
        table.add_row(*cells, part.address, str(part.log))
    return table
