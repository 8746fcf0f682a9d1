"""Which faults come when: drawn from a seed, so that a run can be played again."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """The named scenarios; docs/reliability.md says what each must leave standing."""

    KILL_API = "kill-api"
    KILL_WORKER = "kill-worker"
    KILL_VALKEY = "kill-valkey"
    KILL_POSTGRES = "kill-postgres"
    KILL_MILVUS = "kill-milvus"
    KILL_MODELS = "kill-models"
    FLUSH_VALKEY = "flush-valkey"
    FREEZE_WORKER = "freeze-worker"
    CUT_POSTGRES = "cut-postgres"
    CUT_VALKEY = "cut-valkey"
    CUT_MILVUS = "cut-milvus"
    HOLE_POSTGRES = "hole-postgres"
    HOLE_VALKEY = "hole-valkey"
    HOLE_MILVUS = "hole-milvus"
    DISK_FULL = "disk-full"
    EMBEDDINGS_BUSY = "embeddings-busy"
    EMBEDDINGS_BROKEN = "embeddings-broken"
    EMBEDDINGS_HANG = "embeddings-hang"
    EMBEDDINGS_SLOW = "embeddings-slow"
    EMBEDDINGS_CUT = "embeddings-cut"
    EMBEDDINGS_MALFORMED = "embeddings-malformed"
    EMBEDDINGS_SHORT = "embeddings-short"
    EMBEDDINGS_NAN = "embeddings-nan"
    CHAT_BUSY = "chat-busy"
    CHAT_BROKEN = "chat-broken"
    CHAT_HANG = "chat-hang"
    CHAT_SLOW = "chat-slow"
    CHAT_CUT = "chat-cut"
    CHAT_STALL = "chat-stall"
    CHAT_ENDED = "chat-ended"
    CHAT_MALFORMED = "chat-malformed"


# A process that dies or freezes is the hardest: those come more often than a model's moods.
_WEIGHTS = {"kill": 4, "freeze": 6, "flush": 3, "cut": 2, "hole": 2, "disk": 3, "embeddings": 1, "chat": 1}
# While the API is away nobody can do anything worth breaking.
_API_WEIGHT = 2
INSTANT = frozenset({"kill", "flush"})
# Of the parts of which there are several.
WORKERS = ("worker", "worker2")


@dataclass(frozen=True)
class Fault:
    """`pause` seconds after the fault before it has ended; lasts for `seconds`; `worker` names whom it hits.

    `drops` says that connections break when a black hole ends; otherwise what was sent arrives late.
    """

    number: int
    kind: FaultKind
    pause: float
    seconds: float
    worker: str
    drops: bool

    @property
    def family(self) -> str:
        """What is done: kill, cut, hole, …"""
        return self.kind.partition("-")[0]

    @property
    def target(self) -> str:
        """To what it is done."""
        return self.worker if self.kind.endswith("-worker") else self.kind.partition("-")[2]


def draw(
    seed: int, rounds: int, *, lease_seconds: float, only: Collection[FaultKind] = ()
) -> Iterator[Fault]:
    """The faults of a run. A freeze lasts longer than a lease."""
    chance = random.Random(f"faults {seed}")
    kinds = sorted(only) if only else list(FaultKind)
    weights = [_weight(kind) for kind in kinds]
    for number in range(rounds):
        kind = chance.choices(kinds, weights)[0]
        family = kind.partition("-")[0]
        yield Fault(
            number=number,
            kind=kind,
            pause=chance.uniform(0.5, 3.0),
            seconds=_seconds(chance, family, lease_seconds),
            worker=chance.choice(WORKERS),
            drops=chance.random() < 0.5,
        )


def _weight(kind: FaultKind) -> int:
    return _API_WEIGHT if kind is FaultKind.KILL_API else _WEIGHTS[kind.partition("-")[0]]


def _seconds(chance: random.Random, family: str, lease_seconds: float) -> float:
    if family == "freeze":
        return lease_seconds * chance.uniform(1.2, 2.0)
    drawn = chance.uniform(0.5, 4.0)
    return 0.0 if family in INSTANT else drawn
