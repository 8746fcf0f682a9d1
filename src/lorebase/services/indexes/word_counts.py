"""Counting the words that documents have, so many at a time that every statement ends in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

from lorebase.ports.unit_of_work import UnitOfWork

# Of 50 to 250 words each.
PASSAGES_OF_A_COUNT = 5000


async def count_words(uow: UnitOfWork, passages: Mapping[UUID, int], version: int) -> dict[UUID, int]:
    """The postings of an analyser version by document; one without any is absent.

    `passages` are the documents and how many passages each has.
    """
    found: dict[UUID, int] = {}
    for group in groups_of(passages):
        found.update(await uow.keywords.count(group, version))
    return found


def groups_of(passages: Mapping[UUID, int]) -> Iterator[list[UUID]]:
    """The documents in order, in groups of at most PASSAGES_OF_A_COUNT; a larger one stands alone."""
    group: list[UUID] = []
    size = 0
    for document_id, count in passages.items():
        if group and size + count > PASSAGES_OF_A_COUNT:
            yield group
            group, size = [], 0
        group.append(document_id)
        size += count
    if group:
        yield group
