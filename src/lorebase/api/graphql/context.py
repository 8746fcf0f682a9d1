"""What every resolver receives: who is asking, the services, and loaders for this operation only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import strawberry

from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node
from lorebase.api.graphql.sharing import MadeOnce
from lorebase.api.services import Services
from lorebase.core.clock import SystemClock
from lorebase.core.config import Settings
from lorebase.core.errors import NotFound, Unauthenticated
from lorebase.schemas.rate_limits import Budget
from lorebase.schemas.workspaces import Principal


@dataclass
class Context:
    """One operation's surroundings; `caller` and then `budget` are None without credentials.

    `shown` belongs to the process: what clients see of an event, made once for all who follow its stream.
    `deliver`, where the transport has it, sends the result that others got for an event, while the operation
    waits for one, and says whether it did.
    """

    caller: Principal | None
    services: Services
    settings: Settings
    node_types: Mapping[str, type[Node]]
    trace_id: str = ""
    clock: SystemClock = field(default_factory=SystemClock)
    budget: Budget | None = None
    shown: MadeOnce[object] = field(default_factory=MadeOnce)
    deliver: Callable[[object], bool] | None = None
    _loaders: Loaders | None = field(default=None, repr=False)

    @property
    def principal(self) -> Principal:
        """Who is asking; Unauthenticated when nobody said."""
        if self.caller is None:
            raise Unauthenticated("Send an API key as `Authorization: Bearer lb_…`.")
        return self.caller

    async def charge(self, points: int) -> None:
        """Charges the caller for the operation; RateLimited. Those without a key can ask for too little."""
        if self.caller is not None:
            self.budget = await self.services.rate_limits.charge(self.caller, points)

    @property
    def spent(self) -> Budget:
        """What the operation was charged; Unauthenticated when nobody was there to pay."""
        if self.budget is None:
            raise Unauthenticated("Send an API key as `Authorization: Bearer lb_…`.")
        return self.budget

    @property
    def loaders(self) -> Loaders:
        """The loaders of this operation, on behalf of the caller."""
        if self._loaders is None:
            self._loaders = Loaders(self.services, self.principal)
        return self._loaders

    def renew_loaders(self) -> None:
        """Forgets what was loaded: the next event of a stream must see the newest state."""
        self._loaders = None

    async def find(self, type_name: str, object_id: UUID) -> Node | None:
        """The object of a node type, None when it is not there."""
        node_type = self.node_types.get(type_name, Node)
        return await node_type.find(self.loaders, object_id)

    async def get(self, type_name: str, object_id: UUID) -> Node:
        """The object of a node type; NotFound when it is not there."""
        found = await self.find(type_name, object_id)
        if found is None:
            raise NotFound("There is no such object.")
        return found


Info = strawberry.Info[Context, None]
