"""Mutations that can be repeated: the same key and input give the first result, other input is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from uuid import UUID

from pydantic import BaseModel, JsonValue

from lorebase.core.errors import BadInput
from lorebase.ports.unit_of_work import UnitOfWork
from lorebase.schemas.workspaces import Principal
from lorebase.services.text_rules import refuse_unstorable

KEY_CHARACTERS = 255

# A blob is stored anew for every attempt, so its key says nothing about what was asked.
_NOT_INPUT: Mapping[str, bool | set[str]] = {"idempotency_key": True, "upload": {"blob_key"}}


def fingerprint(command: BaseModel | Mapping[str, JsonValue]) -> bytes:
    """BLAKE2b-256 of the canonical JSON of what was asked: given fields only, without the key itself."""
    if isinstance(command, BaseModel):
        fields = command.model_dump(mode="json", exclude=_NOT_INPUT, exclude_unset=True)
    else:
        fields = {name: value for name, value in command.items() if name != "idempotency_key"}
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(canonical.encode(), digest_size=32).digest()


class Replay:
    """One mutation under a caller's key, within the mutation's own unit of work.

    Ask `earlier()` first: when it answers, read those objects again by id, so that the newest state is shown,
    and change nothing. Otherwise do the work and `keep(...)` the ids before committing. Without a key nothing
    is stored and nothing is ever replayed.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        principal: Principal,
        mutation: str,
        key: str | None,
        command: BaseModel | Mapping[str, JsonValue],
    ) -> None:
        self._uow = uow
        self._principal_id = principal.api_key_id
        self._mutation = mutation
        self._key = key
        self._command = command

    async def earlier(self) -> dict[str, JsonValue] | None:
        """What was kept by the first call with this key; Conflict(IDEMPOTENCY_MISMATCH), BadInput."""
        if self._key is None:
            return None
        _check_key(self._key)
        stored = await self._uow.idempotency.claim(
            self._principal_id, self._key, self._mutation, fingerprint(self._command)
        )
        if stored is None:
            return None
        kept: dict[str, JsonValue] = json.loads(stored)
        return kept

    async def keep(self, **result: UUID | str | bool | None) -> None:
        """Keeps ids (and flags) of the result with the key."""
        if self._key is None:
            return
        plain = {name: str(value) if isinstance(value, UUID) else value for name, value in result.items()}
        await self._uow.idempotency.store(self._principal_id, self._key, json.dumps(plain))


def _check_key(key: str) -> None:
    field = ["idempotencyKey"]
    refuse_unstorable(key, field)
    if not 0 < len(key) <= KEY_CHARACTERS:
        raise BadInput(f"An idempotency key has 1 to {KEY_CHARACTERS} characters.", field=field)


def kept_id(kept: Mapping[str, JsonValue], name: str) -> UUID:
    """An id that was kept under this name."""
    return UUID(str(kept[name]))


def kept_id_or_none(kept: Mapping[str, JsonValue], name: str) -> UUID | None:
    """An id that was kept under this name, or None when there was none."""
    value = kept.get(name)
    return None if value is None else UUID(str(value))
