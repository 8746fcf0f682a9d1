"""`lorebase key`: API keys of the workspace."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from lorebase.cli.connection.responses import Json, payload_of
from lorebase.cli.connection.session import PAGE, open_session, run
from lorebase.cli.errors import UsageFailed
from lorebase.cli.output import console, one_line
from lorebase.cli.tables import show_rows

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
    scopes: Annotated[
        list[Scope], typer.Option("--scope", case_sensitive=False, help="What it may do; may be repeated.")
    ],
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it ends, such as 2027-01-31T12:00:00Z.")
    ] = None,
) -> None:
    """Make a key and print its secret, which is shown only now."""
    end = _moment(expires) if expires else None
    payload = run(_create(name, [scope.value for scope in scopes], end))
    typer.echo(payload["secret"])


@key_commands.command("list")
def list_keys() -> None:
    """List the keys, the newest first, revoked ones too."""
    headings = ("id", "name", "starts with", "scopes", "last used", "expires", "revoked")
    rows = [
        (
            *(key["id"], key["name"], key["prefix"], " ".join(key["scopes"])),
            *(key[time] or "" for time in ("lastUsedAt", "expiresAt", "revokedAt")),
        )
        for key in run(_list())
    ]
    show_rows(console(), headings, rows)


@key_commands.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Id from `lorebase key list`.")]) -> None:
    """Revoke a key at once."""
    key = run(_revoke(key_id))
    typer.echo(f"Revoked “{one_line(key['name'])}”.")


def _moment(given: str) -> str:
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise UsageFailed(f"--expires needs a time such as 2027-01-31T12:00:00Z, not {given!r}.") from error
    return moment.isoformat() if moment.tzinfo else f"{moment.isoformat()}Z"


async def _create(name: str, scopes: list[str], expires: str | None) -> Json:
    async with open_session() as session:
        given = {"workspaceId": session.workspace_id, "name": name, "scopes": scopes, "expiresAt": expires}
        asked = {field: value for field, value in given.items() if value is not None}
        return payload_of(await session.client.run("create-api-key", {"input": asked}), "createApiKey")


async def _list() -> list[Json]:
    found: list[Json] = []
    async with open_session() as session:
        variables: dict[str, object] = {"workspaceId": session.workspace_id, "first": PAGE}
        while True:
            page = (await session.client.run("list-api-keys", variables))["node"]["apiKeys"]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            variables["after"] = page["pageInfo"]["endCursor"]


async def _revoke(key_id: str) -> Json:
    async with open_session() as session:
        data = await session.client.run("revoke-api-key", {"input": {"id": key_id}})
        key: Json = payload_of(data, "revokeApiKey")["apiKey"]
    return key
