"""What the commands that talk to the API share: a client, and who and where they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from lorebase.cli.client import ApiClient
from lorebase.cli.credentials import find_target
from lorebase.cli.errors import CommandFailed
from lorebase.core.config import get_settings

Result = TypeVar("Result")


@dataclass(frozen=True)
class Session:
    """A client of one workspace; `default_knowledge_base` is the one made at the first start, when known."""

    client: ApiClient
    workspace_id: str
    workspace_name: str
    default_knowledge_base: str | None

    async def knowledge_base(self, wanted: str | None) -> dict[str, Any]:
        """A knowledge base by slug or id; the default one, or the only one, when nothing is wanted."""
        variables = {"workspaceId": self.workspace_id, "first": 100}
        data = await self.client.run("list-knowledge-bases", variables)
        found: list[dict[str, Any]] = data["node"]["knowledgeBases"]["nodes"]
        key = wanted or self.default_knowledge_base
        chosen = [kb for kb in found if key in (kb["id"], kb["slug"])]
        if not chosen and wanted is None and len(found) == 1:
            chosen = found
        if not chosen:
            slugs = ", ".join(sorted(kb["slug"] for kb in found)) or "none"
            raise CommandFailed(f"Name a knowledge base with --knowledge-base; there are: {slugs}.")
        return chosen[0]


@asynccontextmanager
async def open_session() -> AsyncIterator[Session]:
    """Connects by the settings and asks who we are."""
    settings = get_settings()
    target = find_target(settings)
    async with ApiClient(target, settings.client_timeout_seconds) as client:
        viewer = (await client.run("viewer"))["viewer"]
        if viewer is None or not viewer["workspaces"]["nodes"]:
            raise CommandFailed("The API key is not valid: see `lorebase key list` or LOREBASE_API_KEY.")
        workspace = viewer["workspaces"]["nodes"][0]
        yield Session(client, workspace["id"], workspace["name"], target.knowledge_base_id)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a command's coroutine."""
    return asyncio.run(work)
