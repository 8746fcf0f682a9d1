"""The caller of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Self

import strawberry

from lorebase.api.graphql.api_keys import ApiKey
from lorebase.api.graphql.context import Context, Info
from lorebase.api.graphql.enums import ApiScope
from lorebase.api.graphql.fields import computed
from lorebase.api.graphql.members import User
from lorebase.api.graphql.pagination import Connection, Paging, connection
from lorebase.api.graphql.workspaces import Workspace
from lorebase.schemas import workspaces as values
from lorebase.schemas.pagination import Page, Position
from lorebase.schemas.workspaces import Principal


@strawberry.type(
    description="Budget of points per minute; the same numbers are in `extensions.cost` of every response."
)
class RateLimit:
    """What the caller may still spend."""

    cost: int = strawberry.field(description="Points charged for this request.")
    limit: int = strawberry.field(description="Points per window.")
    remaining: int = strawberry.field(description="Points left in the window.")
    reset_at: datetime = strawberry.field(description="When the window ends.")


@strawberry.type(description="The caller of the API: a signed-in person or an API key.")
class Viewer:
    """Who is asking; today always an API key."""

    scopes: list[ApiScope] = strawberry.field(description="What the caller may do.")
    user: User | None = strawberry.field(description="The person, when there is one.", default=None)
    principal: strawberry.Private[Principal]

    @classmethod
    def from_value(cls, principal: Principal) -> Self:
        """Shows the caller."""
        return cls(scopes=sorted(principal.scopes), principal=principal)

    @computed("The key used, when the caller is an API key.")
    async def api_key(self, info: Info) -> ApiKey | None:
        """The caller's own key."""
        return await ApiKey.find(info.context.loaders, self.principal.api_key_id)

    @computed("Remaining budget of the caller.")
    def rate_limit(self, info: Info) -> RateLimit:
        """What this request was charged, and what is left."""
        budget = info.context.spent
        return RateLimit(
            cost=budget.cost, limit=budget.limit, remaining=budget.remaining, reset_at=budget.resets_at
        )

    @connection("Workspaces the caller can see.")
    async def workspaces(self, info: Info, paging: Paging) -> Connection[Workspace]:
        """The one workspace of the key."""
        workspace = await info.context.services.workspaces.get(info.context.principal)
        cut = paging.request.after or paging.request.before
        page = Page[values.Workspace](
            items=() if cut else (workspace,),
            positions=() if cut else (Position(sort_value="", id=workspace.id),),
            has_next=bool(paging.request.before),
            has_previous=bool(paging.request.after),
        )
        return paging.connection(page, Workspace.from_value, _one)


async def _one() -> int:
    return 1


def viewer_of(context: Context) -> Viewer | None:
    """The caller, None without credentials."""
    return Viewer.from_value(context.caller) if context.caller else None
