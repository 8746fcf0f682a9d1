"""`lorebase schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lorebase.core.resources import resource_directory

schema_commands = typer.Typer(help="The GraphQL schema.", no_args_is_help=True)

Sdl = Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, help="Schema file; see --help.")]


@schema_commands.callback()
def schema() -> None:
    """The GraphQL schema."""


@schema_commands.command("export")
def export_schema() -> None:
    """Print the schema of this release in GraphQL's schema definition language."""
    text = _read("schema.graphql")
    typer.echo(text, nl=not text.endswith("\n"))


@schema_commands.command("diff")
def diff_schemas(old: Sdl = None, new: Sdl = None) -> None:
    """Print what breaks, or may break, clients of OLD (the last recorded schema) under NEW (this one).

    Exits with 1 when something breaks that schema/README.md does not accept.
    """
    # Here and not above: the other commands need not wait for GraphQL to load.
    from graphql import GraphQLError  # noqa: PLC0415

    from lorebase.api.graphql.schema_changes import not_accepted, schema_changes  # noqa: PLC0415

    try:
        changes = schema_changes(_text(old, "released.graphql"), _text(new, "schema.graphql"))
    except (GraphQLError, TypeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"That is no GraphQL schema: {error}") from error
    refused = not_accepted(changes, _read("README.md"))
    for change in changes:
        mark = "dangerous" if not change.breaking else "BREAKING" if change in refused else "accepted"
        typer.echo(f"{mark:9}  {change.kind}  {change.description}")
    if refused:
        raise typer.Exit(1)


def _text(path: Path | None, recorded: str) -> str:
    return path.read_text(encoding="utf-8") if path else _read(recorded)


def _read(name: str) -> str:
    return (resource_directory("schema") / name).read_text(encoding="utf-8")
