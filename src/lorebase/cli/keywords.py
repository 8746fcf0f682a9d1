"""`lorebase keywords`: versions of the keyword analyser, and the weights that Milvus keeps of its terms."""

from __future__ import annotations

from typing import Annotated

import typer

from lorebase.cli.connection.running_stack import FOR_MIGRATION, with_running_stack
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.output import console
from lorebase.cli.tables import show_rows
from lorebase.core.config import Settings
from lorebase.schemas.analysers import ListedAnalyser

keywords_commands = typer.Typer(help="Words and their analysers. Needs the databases.", no_args_is_help=True)

HEADINGS = ("name", "state", "does")

Name = Annotated[str, typer.Argument(help="Its name, as `lorebase keywords list` shows it.")]


@keywords_commands.command("list")
def list_analysers() -> None:
    """List the analysers that this release knows, oldest first."""
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    show_rows(console(), HEADINGS, list(map(_row, operator_tasks.list_analysers(_settings()))))


@keywords_commands.command("add")
def add_analyser(name: Name) -> None:
    """Let knowledge bases be reindexed with an analyser. New ones keep their default."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    operator_tasks.change_analysers(_settings(), lambda analysers: analysers.add(name))
    typer.echo(f"Added {name}.")


@keywords_commands.command("choose")
def choose_analyser(name: Name) -> None:
    """Make an analyser the one that new knowledge bases use."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    operator_tasks.change_analysers(_settings(), lambda analysers: analysers.choose(name))
    typer.echo(f"New knowledge bases use {name}.")


@keywords_commands.command("retire")
def retire_analyser(name: Name) -> None:
    """Deprecate an analyser, and remove it unless an index still uses it."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    operator_tasks.change_analysers(_settings(), lambda analysers: analysers.retire(name))
    typer.echo(f"Removed {name}.")


@keywords_commands.command("remove-from-milvus")
def remove_from_milvus() -> None:
    """Remove the words from Milvus, once LOREBASE_KEYWORD_INDEX is postgresql everywhere."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    operator_tasks.change_analysers(_settings(), lambda analysers: analysers.remove_collections())
    typer.echo("Removed. PostgreSQL keeps the words.")


def _settings() -> Settings:
    return with_running_stack(read_settings(), FOR_MIGRATION)


def _row(found: ListedAnalyser) -> tuple[str, ...]:
    known = found.registered
    if known is None:
        return found.name, "not added", found.description
    state = "default" if known.is_default else "deprecated" if known.deprecated_at else "added"
    return found.name, state, found.description
