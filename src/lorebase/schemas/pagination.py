"""Keyset pages: a position is the sort value and the id of a row, so pages stay put when rows come and go."""

from __future__ import annotations

from typing import Generic, TypeVar
from uuid import UUID

from lorebase.schemas.base import Value

Item = TypeVar("Item")


class Position(Value):
    """Where a row stands in a list: its sort value as text (empty when the id alone orders) and its id."""

    sort_value: str
    id: UUID


class PageRequest(Value):
    """Which part of a list is wanted. `backward` counts from the end; items always come in list order."""

    limit: int
    after: Position | None = None
    before: Position | None = None
    backward: bool = False

    @property
    def is_first(self) -> bool:
        """Whether the list is read from its start."""
        return self.after is None and self.before is None and not self.backward


class Page(Value, Generic[Item]):
    """Items in list order with the position of each, and whether more follow or precede."""

    items: tuple[Item, ...]
    positions: tuple[Position, ...]
    has_next: bool
    has_previous: bool
