"""`lorebase key`: API keys of the workspace."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from lorebase.cli.client import payload_of
from lorebase.cli.output import clean, console
from lorebase.cli.session import open_session, run

key_commands = typer.Typer(help="API keys of the workspace.", no_args_is_help=True)


class Scope(StrEnum):
    """What a key may do."""

    ADMIN = "ADMIN"
    ASK = "ASK"
    READ = "READ"
    WRITE = "WRITE"


@key_commands.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="A label to know it by.")],
    scopes: Annotated[list[Scope], typer.Option("--scope", case_sensitive=False, help="May be repeated.")],
    expires: Annotated[str | None, typer.Option("--expires", help="RFC 3339 time.")] = None,
) -> None:
    """Make a key and print its secret, which is shown only now."""
    payload = run(_create(name, [scope.value for scope in scopes], expires))
    typer.echo(payload["secret"])


@key_commands.command("list")
def list_keys() -> None:
    """List the newest keys, revoked ones too."""
    table = Table()
    for column in ("id", "name", "starts with", "scopes", "last used", "expires", "revoked"):
        table.add_column(column, overflow="fold")
    for key in run(_list()):
        texts = (key["id"], key["name"], key["prefix"], " ".join(key["scopes"]))
        times = (key["lastUsedAt"], key["expiresAt"], key["revokedAt"])
        table.add_row(*(escape(clean(text)) for text in texts), *(time or "" for time in times))
    console().print(table)


@key_commands.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Id from `lorebase key list`.")]) -> None:
    """Revoke a key at once."""
    key = run(_revoke(key_id))
    typer.echo(f"Revoked “{clean(key['name'])}”.")


async def _create(name: str, scopes: list[str], expires: str | None) -> dict[str, Any]:
    async with open_session() as session:
        given = {"workspaceId": session.workspace_id, "name": name, "scopes": scopes, "expiresAt": expires}
        asked = {field: value for field, value in given.items() if value is not None}
        return payload_of(await session.client.run("create-api-key", {"input": asked}), "createApiKey")


async def _list() -> list[dict[str, Any]]:
    async with open_session() as session:
        data = await session.client.run("list-api-keys", {"workspaceId": session.workspace_id, "first": 100})
    nodes: list[dict[str, Any]] = data["node"]["apiKeys"]["nodes"]
    return nodes


async def _revoke(key_id: str) -> dict[str, Any]:
    async with open_session() as session:
        data = await session.client.run("revoke-api-key", {"input": {"id": key_id}})
        key: dict[str, Any] = payload_of(data, "revokeApiKey")["apiKey"]
    return key
