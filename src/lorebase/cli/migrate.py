"""`lorebase migrate`."""

from __future__ import annotations

import typer

from lorebase.cli.connection.running_stack import FOR_MIGRATION, with_running_stack
from lorebase.cli.connection.settings import read_settings


def migrate() -> None:
    """Bring roles, tables and the embedding model's collection to this release. Needs the databases."""
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    model = operator_tasks.migrate_now(with_running_stack(read_settings(), FOR_MIGRATION))
    typer.echo(f"Everything is at this release; new knowledge bases use {model.name} ({model.version}).")
