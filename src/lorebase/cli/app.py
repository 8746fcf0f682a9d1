"""Puts the commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from lorebase import __version__
from lorebase.cli import stack
from lorebase.cli.ask import ask
from lorebase.cli.command_group import CommandGroup
from lorebase.cli.doctor import doctor
from lorebase.cli.embeddings import embeddings_commands
from lorebase.cli.evaluation import evaluation_commands
from lorebase.cli.ingest import ingest
from lorebase.cli.key import key_commands
from lorebase.cli.keywords import keywords_commands
from lorebase.cli.knowledge_base import knowledge_base_commands
from lorebase.cli.migrate import migrate
from lorebase.cli.output import tolerate_any_encoding
from lorebase.cli.profiles import profiles
from lorebase.cli.reconcile import rebuild, reconcile
from lorebase.cli.schema import schema_commands
from lorebase.cli.search import search
from lorebase.cli.workspace import workspace_commands

EXIT_CODES = (
    "Exit codes: 0 it worked; 1 it was refused or failed; 2 an argument, option or setting is wrong; "
    "3 Lorebase is not running; 4 the stores disagree (reconcile, rebuild); 130 it was interrupted."
)

app = typer.Typer(
    cls=CommandGroup,
    help="Lorebase: documents in, cited answers out.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(stack.up)
app.command("status")(stack.status)
app.command("down")(stack.down)
app.command("doctor")(doctor)
app.command("ingest")(ingest)
app.command("search")(search)
app.command("ask")(ask)
app.command("profiles")(profiles)
app.add_typer(knowledge_base_commands, name="knowledge-base")
app.add_typer(key_commands, name="key")
app.add_typer(evaluation_commands, name="eval")
app.add_typer(workspace_commands, name="workspace")
app.add_typer(embeddings_commands, name="embeddings")
app.add_typer(keywords_commands, name="keywords")
app.add_typer(schema_commands, name="schema")
app.command("migrate")(migrate)
app.command("reconcile")(reconcile)
app.command("rebuild")(rebuild)


@app.command("version")
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Lorebase: documents in, cited answers out."""


def main() -> None:
    """The entry point; the exit code says how it went."""
    tolerate_any_encoding()
    app()
