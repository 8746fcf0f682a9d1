"""What all tables share: one registry, names of constraints, tenancy columns and references."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    PrimaryKeyConstraint,
    Uuid,
    func,
)
from sqlalchemy.schema import SchemaItem

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def workspace_column() -> Column[object]:
    """The tenant: first in every key, set by the unit of work, checked by row-level security."""
    return Column("workspace_id", Uuid, nullable=False)


def tenant_identity() -> tuple[SchemaItem, ...]:
    """A key that begins with the tenant, so that no collision can reveal another tenant's row."""
    return (
        workspace_column(),
        Column("id", Uuid, nullable=False),
        PrimaryKeyConstraint("workspace_id", "id"),
    )


def timestamps() -> tuple[SchemaItem, ...]:
    """When the row was made and last changed, by the database's clock unless given."""
    return (
        created_column(),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


def created_column() -> Column[object]:
    """When the row was made."""
    return Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now())


def belongs_to_workspace(table: str) -> ForeignKeyConstraint:
    """Ties a row to its workspace."""
    return ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=f"fk_{table}_workspace")


def reference(
    name: str, table: str, columns: Mapping[str, str], *, deferred: bool = False, cascade: bool = False
) -> ForeignKeyConstraint:
    """A foreign key within the tenant; foreign keys ignore row-level security, so they carry the workspace.

    `columns` maps ours to those of `table`. Deferred ones are checked at commit: rows may name each other.
    """
    return ForeignKeyConstraint(
        ["workspace_id", *columns],
        [f"{table}.workspace_id", *(f"{table}.{column}" for column in columns.values())],
        name=f"fk_{name}",
        ondelete="CASCADE" if cascade else None,
        deferrable=True if deferred else None,
        initially="DEFERRED" if deferred else None,
        use_alter=deferred,
    )


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Keeps a column to the values of an enumeration."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
