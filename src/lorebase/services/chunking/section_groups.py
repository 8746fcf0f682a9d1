"""Which sections share chunks: most stand alone, tiny ones join a neighbour."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lorebase.services.chunking.atoms import Atoms
from lorebase.services.chunking.packing import Packer
from lorebase.services.chunking.sections import BARRIER_LEVEL, Section

_TINY_TOKENS = 40


@dataclass(slots=True)
class Group:
    """A range of atoms that no chunk crosses, and the level of its last section."""

    first: int
    last: int
    level: int


def groups_of(atoms: Atoms, sections: Sequence[Section], packer: Packer) -> list[Group]:
    """The groups in order. A section of fewer than 40 tokens joins what follows below or beside it, or else
    what came before if both fit into one chunk; without either it stays alone."""
    tiny = min(_TINY_TOKENS, packer.max_tokens // 4)
    groups: list[Group] = []
    for run in _runs(atoms, sections):
        waits = bool(groups) and atoms.tokens[groups[-1].last] - atoms.tokens[groups[-1].first] < tiny
        if waits and run.level >= groups[-1].level:
            groups[-1] = Group(groups[-1].first, run.last, run.level)
            continue
        if waits:
            _join_backwards(groups, packer)
        groups.append(run)
    if groups and atoms.tokens[groups[-1].last] - atoms.tokens[groups[-1].first] < tiny:
        _join_backwards(groups, packer)
    return groups


def _join_backwards(groups: list[Group], packer: Packer) -> None:
    if len(groups) > 1 and packer.fill(groups[-2].first, groups[-1].last) <= 1:
        tail = groups.pop()
        groups[-1] = Group(groups[-1].first, tail.last, tail.level)


def _runs(atoms: Atoms, sections: Sequence[Section]) -> Iterator[Group]:
    """Sections of level 1 to 3, each with the deeper ones below it."""
    first, level = 0, sections[0].level
    for section in sections[1:]:
        if section.level <= BARRIER_LEVEL:
            end = bisect_left(atoms.positions, section.start)
            yield Group(first, end, level)
            first, level = end, section.level
    yield Group(first, len(atoms), level)
