"""`lorebase keywords`: the weights of terms that Milvus keeps besides PostgreSQL."""

from __future__ import annotations

import typer

from lorebase.cli.running_stack import FOR_MIGRATION, with_running_stack
from lorebase.cli.settings import read_settings

keywords_commands = typer.Typer(help="The index of words. Needs the databases.", no_args_is_help=True)


@keywords_commands.callback()
def keywords() -> None:
    """The index of words. Needs the databases."""


@keywords_commands.command("remove-from-milvus")
def remove_from_milvus() -> None:
    """Remove the words from Milvus, once LOREBASE_KEYWORD_INDEX is postgresql everywhere."""
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli import operator_tasks  # noqa: PLC0415

    operator_tasks.remove_keyword_weights(with_running_stack(read_settings(), FOR_MIGRATION))
    typer.echo("Removed. PostgreSQL keeps the words.")
