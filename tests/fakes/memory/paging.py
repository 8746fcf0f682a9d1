"""Keyset pages over lists in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from lorebase.schemas.pagination import Page, PageRequest, Position

Item = TypeVar("Item")
Place = tuple[str, UUID]


def keyset_page(
    items: Iterable[Item],
    place: Callable[[Item], Place],
    request: PageRequest,
    *,
    descending: bool = False,
) -> Page[Item]:
    """The wanted part of the items in the order of their places; sort values are texts that sort as such."""
    rows = sorted(items, key=place, reverse=descending)

    def follows(item: Item, position: Position) -> bool:
        return (place(item) < _key(position)) if descending else (place(item) > _key(position))

    def precedes(item: Item, position: Position) -> bool:
        return (place(item) > _key(position)) if descending else (place(item) < _key(position))

    after, before = request.after, request.before
    found = [
        item
        for item in rows
        if (after is None or follows(item, after)) and (before is None or precedes(item, before))
    ]
    kept = found[-request.limit :] if request.backward else found[: request.limit]
    more = len(found) > len(kept)
    return Page(
        items=tuple(kept),
        positions=tuple(Position(sort_value=place(item)[0], id=place(item)[1]) for item in kept),
        has_next=(more and not request.backward) or before is not None,
        has_previous=(more and request.backward) or after is not None,
    )


def time_value(moment: datetime) -> str:
    """A time as a text that sorts like it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def number_value(number: int) -> str:
    """A number from 0 as a text that sorts like it."""
    return f"{number:012d}"


def _key(position: Position) -> Place:
    return position.sort_value, position.id
