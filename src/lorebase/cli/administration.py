"""Operators' commands that need no API: migrate, and the first workspace."""

from __future__ import annotations

import asyncio
import json

import typer

from lorebase.container import migrate as migrate_everything
from lorebase.container import open_container
from lorebase.core.config import Settings, get_settings
from lorebase.core.ids import GlobalId
from lorebase.schemas.knowledge_bases import CreateKnowledgeBase
from lorebase.schemas.workspaces import Principal

workspace_commands = typer.Typer(help="Workspaces.", no_args_is_help=True)


def migrate() -> None:
    """Bring roles, tables and the embedding model's collection to this release."""
    model = asyncio.run(migrate_everything(get_settings()))
    typer.echo(f"Everything is at this release; new knowledge bases use {model.name} ({model.version}).")


@workspace_commands.command("first")
def first_workspace() -> None:
    """Make the first workspace, knowledge base and key; print them as one line of JSON."""
    typer.echo(json.dumps(asyncio.run(_create_first(get_settings()))))


async def _create_first(settings: Settings) -> dict[str, str]:
    async with open_container(settings) as container:
        workspace, key, secret = await container.workspaces.create_workspace(None, "Default")
        principal = Principal(workspace_id=workspace.id, api_key_id=key.id, scopes=key.scopes)
        made = await container.knowledge_bases.create(
            principal, CreateKnowledgeBase(name="Documents", slug="documents")
        )
    return {
        "workspaceId": str(GlobalId("Workspace", workspace.id, workspace.id)),
        "knowledgeBaseId": str(GlobalId("KnowledgeBase", workspace.id, made.id)),
        "apiKey": secret,
    }
