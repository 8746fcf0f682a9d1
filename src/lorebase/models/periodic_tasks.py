"""Table of what one process at a time does every so often."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, PrimaryKeyConstraint, Table, Text, Uuid

from lorebase.models.base import metadata

periodic_tasks = Table(
    "periodic_tasks",
    metadata,
    Column("name", Text, nullable=False),
    Column("holder", Uuid),
    Column("lease_expires_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("name"),
    CheckConstraint("(holder IS NULL) = (lease_expires_at IS NULL)", name="held_has_lease"),
)
