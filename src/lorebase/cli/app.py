"""Puts the commands together and turns errors into one clear line."""

from __future__ import annotations

import sys

import typer

from lorebase import __version__
from lorebase.cli import administration, stack
from lorebase.cli.ask import ask
from lorebase.cli.ingest import ingest
from lorebase.cli.key import key_commands
from lorebase.cli.search import search
from lorebase.core.errors import LorebaseError

app = typer.Typer(
    help="Lorebase: documents in, cited answers out.", no_args_is_help=True, add_completion=False
)
app.command("migrate")(administration.migrate)
app.add_typer(administration.workspace_commands, name="workspace")
app.command("ingest")(ingest)
app.command("search")(search)
app.command("ask")(ask)
app.add_typer(key_commands, name="key")
app.command("up")(stack.up)
app.command("status")(stack.status)
app.command("down")(stack.down)


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The entry point; exits with 1 after an expected error."""
    try:
        app()
    except LorebaseError as error:
        typer.echo(f"{error.code}: {error.message}", err=True)
        sys.exit(1)
