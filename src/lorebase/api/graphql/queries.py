"""The entry points of reads that belong to no single noun."""

from __future__ import annotations

import asyncio
from typing import Annotated

import strawberry

from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.embeddings import EmbeddingQueries
from lorebase.api.graphql.fields import computed
from lorebase.api.graphql.nodes import Node, read_global_id
from lorebase.api.graphql.retrieval_profiles import RetrievalProfileQueries
from lorebase.api.graphql.search import SearchQueries
from lorebase.api.graphql.viewer import Viewer, viewer_of
from lorebase.api.graphql.workspaces import Workspace
from lorebase.core.errors import BadInput, NotFound

Identifier = Annotated[strawberry.ID, strawberry.argument(name="id", description="The identifier.")]
Identifiers = Annotated[list[strawberry.ID], strawberry.argument(description="The identifiers.")]
Slug = Annotated[str, strawberry.argument(description="The slug.")]


@strawberry.type(description="Reads.")
class Query(EmbeddingQueries, RetrievalProfileQueries, SearchQueries):
    """Everything that can be read."""

    @computed(
        "Any object by its global identifier; null when it does not exist or the caller may not see it."
    )
    async def node(self, info: Info, object_id: Identifier) -> Node | None:
        """One object."""
        return await find_node(info.context, object_id)

    @computed(
        "Several objects by identifier, in the given order, with null for those that are not visible. "
        "At most 100."
    )
    async def nodes(self, info: Info, ids: Identifiers) -> list[Node | None]:
        """Several objects, looked up together."""
        if len(ids) > info.context.settings.page_size_maximum:
            raise BadInput("Ask for at most 100 objects at once.", field=["ids"])
        return list(await asyncio.gather(*(find_node(info.context, object_id) for object_id in ids)))

    @computed("The caller; null without credentials.")
    def viewer(self, info: Info) -> Viewer | None:
        """Who is asking."""
        return viewer_of(info.context)

    @computed("A workspace by its slug; null when there is none the caller can see.")
    async def workspace(self, info: Info, slug: Slug) -> Workspace | None:
        """The caller's workspace."""
        found = await info.context.services.workspaces.by_slug(info.context.principal, slug)
        return Workspace.from_value(found) if found else None


async def find_node(context: Context, object_id: str) -> Node | None:
    """The object of a global id; None when it is absent, malformed or not the caller's."""
    try:
        identifier = read_global_id(context.principal, object_id)
        return await context.find(identifier.type_name, identifier.object_id)
    except NotFound:
        return None
