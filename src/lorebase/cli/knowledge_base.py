"""`lorebase knowledge-base`: collections of documents."""

from __future__ import annotations

from typing import Annotated

import typer

from lorebase.cli.connection.responses import Json, payload_of
from lorebase.cli.connection.session import open_session, run
from lorebase.cli.output import console, one_line
from lorebase.cli.tables import Row, show_rows
from lorebase.core.config import MIB

knowledge_base_commands = typer.Typer(help="Knowledge bases of the workspace.", no_args_is_help=True)

HEADINGS = ("slug", "name", "documents", "passages", "MiB", "id")


@knowledge_base_commands.command("create")
def create_knowledge_base(
    name: Annotated[str, typer.Argument(help="Its name.")],
    slug: Annotated[
        str | None, typer.Option("--slug", help="A short name for commands; made from the name when absent.")
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="What is in it.")] = None,
) -> None:
    """Make a knowledge base and print its slug and id."""
    made = run(_create(name, slug, description))
    typer.echo(f"{one_line(made['slug'])}\t{made['id']}")


@knowledge_base_commands.command("list")
def list_knowledge_bases() -> None:
    """List the knowledge bases with what is in them."""
    show_rows(console(), HEADINGS, rows_of(run(_list())))


@knowledge_base_commands.command("delete")
def delete_knowledge_base(
    wanted: Annotated[str, typer.Argument(help="Its slug or id.", metavar="SLUG_OR_ID")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a knowledge base with everything in it. Nothing brings it back."""
    found = run(_find(wanted))
    documents, name = found["stats"]["documentCount"], one_line(found["name"])
    if not yes:
        typer.confirm(f"Delete “{name}” with its {documents} documents for good?", abort=True)
    receipt = run(_delete(found["id"]))
    typer.echo(f"Deleted “{name}”. What is stored of it is being removed; receipt {receipt['id']}.")


def rows_of(knowledge_bases: list[Json]) -> list[Row]:
    """A row for each knowledge base, as HEADINGS says."""
    return [
        (
            *(kb["slug"], kb["name"], str(kb["stats"]["documentCount"]), str(kb["stats"]["chunkCount"])),
            *(f"{int(kb['stats']['storageBytes']) / MIB:.1f}", kb["id"]),
        )
        for kb in knowledge_bases
    ]


async def _create(name: str, slug: str | None, description: str | None) -> Json:
    async with open_session() as session:
        given = {
            "workspaceId": session.workspace_id,
            "name": name,
            "slug": slug,
            "description": description,
        }
        asked = {field: value for field, value in given.items() if value is not None}
        data = await session.client.run("create-knowledge-base", {"input": asked})
        made: Json = payload_of(data, "createKnowledgeBase")["knowledgeBase"]
    return made


async def _list() -> list[Json]:
    async with open_session() as session:
        return await session.knowledge_bases()


async def _find(wanted: str) -> Json:
    async with open_session() as session:
        return await session.knowledge_base(wanted)


async def _delete(knowledge_base_id: str) -> Json:
    async with open_session() as session:
        data = await session.client.run("delete-knowledge-base", {"input": {"id": knowledge_base_id}})
        receipt: Json = payload_of(data, "deleteKnowledgeBase")["receipt"]
    return receipt
