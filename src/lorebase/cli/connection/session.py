"""What the commands that talk to the API share: a client, and who and where they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from lorebase.cli.connection.client import ApiClient
from lorebase.cli.connection.credentials import Target, find_target
from lorebase.cli.connection.responses import Json
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.errors import ApiRefused, CommandFailed

Result = TypeVar("Result")

PAGE = 100


@dataclass(frozen=True)
class Session:
    """A client of one workspace; `default_knowledge_base` is the one made at the first start, when known."""

    client: ApiClient
    workspace: Json
    default_knowledge_base: str | None

    @property
    def workspace_id(self) -> str:
        """The global id of the workspace."""
        return str(self.workspace["id"])

    async def knowledge_bases(self) -> list[Json]:
        """All knowledge bases of the workspace, by name."""
        found: list[Json] = []
        variables: dict[str, object] = {"workspaceId": self.workspace_id, "first": PAGE}
        while True:
            data = await self.client.run("list-knowledge-bases", variables)
            page = data["node"]["knowledgeBases"]
            found += page["nodes"]
            if not page["pageInfo"]["hasNextPage"]:
                return found
            variables["after"] = page["pageInfo"]["endCursor"]

    async def knowledge_base(self, wanted: str | None) -> Json:
        """A knowledge base by slug or id; the default one, or the only one, when nothing is wanted."""
        found = await self.knowledge_bases()
        key = wanted or self.default_knowledge_base
        chosen = [kb for kb in found if key in (kb["id"], kb["slug"])]
        if not chosen and wanted is None and len(found) == 1:
            chosen = found
        if chosen:
            return chosen[0]
        slugs = ", ".join(sorted(kb["slug"] for kb in found))
        if not slugs:
            raise CommandFailed(
                "The workspace has no knowledge base: make one with `lorebase knowledge-base create`."
            )
        problem = "" if wanted is None else f"There is no knowledge base {wanted!r}. "
        raise CommandFailed(f"{problem}Name one with --knowledge-base; there are: {slugs}.")


@asynccontextmanager
async def open_session() -> AsyncIterator[Session]:
    """Connects by the settings and asks who we are."""
    settings = read_settings()
    target = find_target(settings)
    async with ApiClient(target, settings.client_timeout_seconds) as client:
        viewer = await _viewer(client, target)
        workspaces = viewer["workspaces"]["nodes"]
        if not workspaces:
            raise CommandFailed("The API key belongs to no workspace any more.")
        yield Session(client, workspaces[0], target.knowledge_base_id)


async def _viewer(client: ApiClient, target: Target) -> Json:
    try:
        viewer: Json | None = (await client.run("viewer"))["viewer"]
    except ApiRefused as error:
        if error.api_code != "UNAUTHENTICATED":
            raise
        viewer = None
    if viewer is None:
        raise CommandFailed(
            f"The API key from {target.source} is not valid: it is unknown, revoked or expired."
        )
    return viewer


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a command's coroutine."""
    return asyncio.run(work)
