"""Who may do what: API keys, scopes, and the recheck of long-lived subscriptions."""

from __future__ import annotations

from datetime import datetime, timedelta

from lorebase.core.errors import Forbidden, Unauthenticated
from lorebase.core.security import hash_api_key
from lorebase.ports.clock import Clock
from lorebase.ports.unit_of_work import UnitOfWorkFactory
from lorebase.schemas.workspaces import ApiKey, ApiScope, Principal

_TOUCH_INTERVAL = timedelta(minutes=1)


def require(principal: Principal, scope: ApiScope) -> None:
    """Forbidden unless the key carries the scope. ADMIN includes no other scope."""
    if scope not in principal.scopes:
        raise Forbidden(f"This needs an API key with the scope {scope}.", details={"scope": scope})


def require_any(principal: Principal, *scopes: ApiScope) -> None:
    """Forbidden unless the key carries one of the scopes."""
    if principal.scopes.isdisjoint(scopes):
        raise Forbidden(f"This needs an API key with the scope {scopes[0]}.", details={"scope": scopes[0]})


class AccessService:
    """Turns secrets into principals and says later whether they still hold."""

    def __init__(self, *, units: UnitOfWorkFactory, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def authenticate(self, secret: str) -> Principal:
        """The principal of an API key; notes its use at most once a minute.

        Unauthenticated, with the same words for unknown, revoked and expired keys.
        """
        now = self._clock.now()
        async with self._units.for_system() as uow:
            key = await uow.find_key(hash_api_key(secret))
            if key is None or _ended_by(key, now) is not None:
                raise Unauthenticated("The API key is not valid.")
            if key.last_used_at is None or now - key.last_used_at >= _TOUCH_INTERVAL:
                await uow.touch_key(key.id)
                await uow.commit()
        return Principal(workspace_id=key.workspace_id, api_key_id=key.id, scopes=key.scopes)

    async def recheck(self, principal: Principal) -> None:
        """Unauthenticated, with `details["reason"]` `revoked` or `expired`, when the key ended since."""
        async with self._units.for_workspace(principal.workspace_id) as uow:
            keys = await uow.workspaces.get_keys([principal.api_key_id])
        reason = _ended_by(keys[0], self._clock.now()) if keys else "revoked"
        if reason is not None:
            raise Unauthenticated("The API key is no longer valid.", details={"reason": reason})


def _ended_by(key: ApiKey, now: datetime) -> str | None:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return None
