"""Tenants, people, keys, and who is asking."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from lorebase.schemas.base import Value


class ApiScope(StrEnum):
    """What an API key may do."""

    ADMIN = "ADMIN"
    ASK = "ASK"
    READ = "READ"
    WRITE = "WRITE"


class WorkspaceRole(StrEnum):
    """Role of a member."""

    ADMIN = "ADMIN"
    EDITOR = "EDITOR"
    VIEWER = "VIEWER"


class Workspace(Value):
    """A tenant. `partition` names its part of every Milvus collection; assigned once, made by us."""

    id: UUID
    slug: str
    name: str
    partition: str
    created_at: datetime
    updated_at: datetime


class User(Value):
    """A person."""

    id: UUID
    email: str
    name: str
    created_at: datetime
    updated_at: datetime


class Membership(Value):
    """A person's place in a workspace."""

    id: UUID
    workspace_id: UUID
    user: User
    role: WorkspaceRole
    created_at: datetime
    updated_at: datetime


class ApiKey(Value):
    """A credential of a program; the secret itself is kept nowhere."""

    id: UUID
    workspace_id: UUID
    name: str
    prefix: str
    scopes: frozenset[ApiScope]
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Principal(Value):
    """Who is asking: a key of one workspace, and what it may do."""

    workspace_id: UUID
    api_key_id: UUID
    scopes: frozenset[ApiScope]
