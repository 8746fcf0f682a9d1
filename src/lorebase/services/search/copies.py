"""Groups passages that say the same, so that the best of each group stands for the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from lorebase.schemas.documents import Chunk
from lorebase.services.search.near_copies import RESEMBLANCE, Details, Sense


class Standing(NamedTuple):
    """A passage that stands for itself, and for its copies."""

    chunk_id: UUID
    sense: Sense


class Copy(NamedTuple):
    """Which passage stands for another one, and how much of the two is the same, from 0 to 1."""

    of: UUID
    resemblance: float


@dataclass
class CopyGroups:
    """Passages come best first. Each is compared with those that stand for themselves, never with copies:
    along a chain of small changes a text would become another one.

    Groups depend on the order of what comes and on nothing that comes after.
    """

    _same: dict[Hashable, Standing] = field(default_factory=dict)
    _kin: dict[Details, _Kin] = field(default_factory=lambda: defaultdict(_Kin))

    def add(self, chunk: Chunk) -> Copy | None:
        """What this passage is a copy of; None when it stands for itself. Of several it is the best."""
        sense = Sense(chunk)
        kin = self._kin[sense.details]
        standing = self._same.get(sense.words) or kin.find(sense)
        self._same.setdefault(sense.words, standing or Standing(chunk.id, sense))
        if standing is not None:
            return Copy(standing.chunk_id, standing.sense.resemblance(sense))
        kin.members.append(Standing(chunk.id, sense))
        return None


@dataclass
class _Kin:
    """Passages with equal details, in their order, found by the first of their shingles.

    Two sets whose resemblance is r have in common one of the first 1 - r of each, in any fixed order
    (Bayardo, Ma and Srikant, "Scaling up all pairs similarity search", 2007): no others have to be compared.
    """

    members: list[Standing] = field(default_factory=list)
    _looked_up: int = 0
    _places: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def find(self, sense: Sense) -> Standing | None:
        """The first member that is a near copy."""
        if not self.members or not sense.is_prose:
            return None
        self._look_up_new()
        places = {place for shingle in _first(sense) for place in self._places.get(shingle, ())}
        near = (self.members[place] for place in sorted(places))
        return next((member for member in near if member.sense.is_near(sense)), None)

    def _look_up_new(self) -> None:
        for place in range(self._looked_up, len(self.members)):
            for shingle in _first(self.members[place].sense):
                self._places[shingle].append(place)
        self._looked_up = len(self.members)


def _first(sense: Sense) -> list[int]:
    count = len(sense.shingles)
    return sorted(sense.shingles)[: count - int(RESEMBLANCE * count) + 1]
