"""`lorebase workspace`: what there is in ours, and how operators make others."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from lorebase.cli.connection.responses import Json
from lorebase.cli.connection.running_stack import FOR_SERVICES, with_running_stack
from lorebase.cli.connection.session import open_session, run
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.knowledge_base import HEADINGS, rows_of
from lorebase.cli.output import console, one_line
from lorebase.cli.tables import show_rows

workspace_commands = typer.Typer(help="Workspaces.", no_args_is_help=True)


@workspace_commands.command("show")
def show_workspace() -> None:
    """Show the workspace of our key and its knowledge bases, with how much is in each."""
    workspace, knowledge_bases = run(_show())
    screen = console()
    for label, value in (
        ("workspace", workspace["name"]),
        ("slug", workspace["slug"]),
        ("id", workspace["id"]),
    ):
        screen.print(f"{label}: {one_line(value)}", markup=False)
    screen.print()
    show_rows(screen, HEADINGS, rows_of(knowledge_bases))


@workspace_commands.command("create")
def create_workspace(
    name: Annotated[str, typer.Argument(help="Its name.")],
    slug: Annotated[
        str | None, typer.Option("--slug", help="A short name; made from the name when absent.")
    ] = None,
) -> None:
    """Make a workspace; print its id and its first key, which is shown only now. Needs the databases."""
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    made = operator_tasks.create_workspace(with_running_stack(read_settings(), FOR_SERVICES), name, slug)
    typer.echo(f"workspace: {made.workspace_id}")
    typer.echo(f"slug: {made.slug}")
    typer.echo(f"key: {made.api_key}")


@workspace_commands.command("first")
def first_workspace() -> None:
    """Make the first workspace, knowledge base and key; print them as one line of JSON."""
    from lorebase.cli.connection import operator_tasks  # noqa: PLC0415

    made = operator_tasks.create_first_workspace(with_running_stack(read_settings(), FOR_SERVICES))
    first = {
        "workspaceId": made.workspace_id,
        "knowledgeBaseId": made.knowledge_base_id,
        "apiKey": made.api_key,
    }
    typer.echo(json.dumps(first))


async def _show() -> tuple[Json, list[Json]]:
    async with open_session() as session:
        return session.workspace, await session.knowledge_bases()
