"""`lorebase schema`."""

from __future__ import annotations

import typer

from lorebase.core.resources import resource_directory

schema_commands = typer.Typer(help="The GraphQL schema.", no_args_is_help=True)


@schema_commands.callback()
def schema() -> None:
    """The GraphQL schema."""


@schema_commands.command("export")
def export_schema() -> None:
    """Print the schema of this release in GraphQL's schema definition language."""
    text = (resource_directory("schema") / "schema.graphql").read_text(encoding="utf-8")
    typer.echo(text, nl=not text.endswith("\n"))
