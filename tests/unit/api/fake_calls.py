"""What fakes of services share: a memory of calls, failures that tests ordered, and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from lorebase.schemas.pagination import Page, PageRequest, Position

Item = TypeVar("Item")


class Calls:
    """Every call of every service, by name, and the failures that tests ordered."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[object, ...]]] = []
        self.failures: dict[str, Exception] = {}

    def note(self, name: str, *arguments: object) -> None:
        self.made.append((name, arguments))
        if name in self.failures:
            raise self.failures[name]

    def named(self, name: str) -> list[tuple[object, ...]]:
        return [arguments for called, arguments in self.made if called == name]


def page_of(items: Sequence[Item], request: PageRequest) -> Page[Item]:
    """The rows after or before those that the positions name, as repositories find them."""
    rows = list(items)
    places = {row.id: place for place, row in enumerate(rows)}  # type: ignore[attr-defined]
    start = places[request.after.id] + 1 if request.after else 0
    stop = places[request.before.id] if request.before else len(rows)
    wanted = rows[start:stop]
    cut = wanted[-request.limit :] if request.backward else wanted[: request.limit]
    first = rows.index(cut[0]) if cut else start
    return Page(
        items=tuple(cut),
        positions=tuple(Position(sort_value="v", id=row.id) for row in cut),  # type: ignore[attr-defined]
        has_next=first + len(cut) < len(rows),
        has_previous=first > 0,
    )


def some(known: Mapping[UUID, Item], ids: Sequence[UUID]) -> list[Item]:
    # The other way round: loaders must not rely on the order.
    return [known[each] for each in reversed(ids) if each in known]
