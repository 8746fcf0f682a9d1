"""Receipts of deletions."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry

from lorebase.api.graphql.fields import identifier
from lorebase.api.graphql.loaders import Loaders
from lorebase.api.graphql.nodes import Node, global_id
from lorebase.schemas import documents as values


@strawberry.type(
    description=(
        "Proof of a deletion: invisible to reads from the moment of the request, "
        "gone from every index and store when complete."
    )
)
class DeletionReceipt(Node):
    """A receipt as clients see it."""

    id: strawberry.ID = identifier()
    completed_at: datetime | None = strawberry.field(
        description="When the last trace was removed and its absence verified; null while under way."
    )
    documents_remaining: int = strawberry.field(
        description="Documents whose traces are still to remove; of a single document 1 until it is complete."
    )
    requested_at: datetime = strawberry.field(description="When it was requested.")
    vectors_remaining: int = strawberry.field(
        description="Vectors still to remove, over all embedding versions."
    )

    @classmethod
    def from_value(cls, value: values.DeletionReceipt) -> Self:
        """Shows a receipt."""
        return cls(
            id=global_id("DeletionReceipt", value.workspace_id, value.id),
            completed_at=value.completed_at,
            documents_remaining=value.documents_remaining,
            requested_at=value.requested_at,
            vectors_remaining=value.vectors_remaining,
        )

    @classmethod
    async def find(cls, loaders: Loaders, object_id: UUID) -> Self | None:
        """The receipt, or None."""
        value = await loaders.receipts.load(object_id)
        return cls.from_value(value) if value else None
