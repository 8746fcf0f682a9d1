"""Scopes: declared once on a field, printed in the SDL and enforced from the same declaration."""

from __future__ import annotations

import inspect
from typing import Any

from strawberry.extensions.field_extension import AsyncExtensionResolver, FieldExtension

from lorebase.api.graphql.context import Info
from lorebase.api.graphql.directives import RequiresScope
from lorebase.core.errors import Forbidden
from lorebase.schemas.workspaces import ApiScope, Principal


class RequireScope(FieldExtension):
    """Lets nobody resolve the field who holds none of the scopes, and prints `@requiresScope`."""

    def __init__(self, *scopes: ApiScope) -> None:
        self.scopes = scopes
        self.directive = RequiresScope(scopes=list(scopes))

    async def resolve_async(
        self, next_: AsyncExtensionResolver, source: object, info: Info, **arguments: object
    ) -> object:
        """Checks, then resolves; a stream is handed on unopened."""
        check_scope(info.context.principal, *self.scopes)
        result: Any = next_(source, info, **arguments)
        return result if inspect.isasyncgen(result) else await result


def check_scope(principal: Principal, *scopes: ApiScope) -> None:
    """Forbidden unless the caller holds one of the scopes."""
    if principal.scopes.isdisjoint(scopes):
        names = " or ".join(sorted(scopes))
        raise Forbidden(f"This key lacks the scope {names}.")
