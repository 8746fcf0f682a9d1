"""What the clients and the injector did, when, and what came of it: all that the checker trusts."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """What was done. LIVE is noted when a client hears that an upload's job succeeded."""

    UPLOAD = "upload"
    UPDATE = "update"
    DELETE = "delete"
    CANCEL = "cancel"
    RETRY = "retry"
    SEARCH = "search"
    SHOW = "show"
    ASK = "ask"
    LIVE = "live"
    FOLLOW = "follow"
    FAULT = "fault"


class Outcome(StrEnum):
    """UNKNOWN: no answer came, or an error that does not say whether the change was made."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Sighting:
    """A document in a response: its name (the client's own key), its id, and the marks read in its text."""

    name: str
    document_id: str
    marks: tuple[str, ...] = ()
    chunk_id: str = ""


@dataclass(frozen=True)
class Operation:
    """One thing done; `began` and `ended` are seconds since the run began, by the runner's only clock.

    `mark` is the word that stands in every line of the version that was uploaded or looked for. `wanted` says
    that a search must find the document `name`, since nobody changed it after it was live.
    """

    kind: Kind
    outcome: Outcome
    began: float
    ended: float
    client: int = -1
    name: str = ""
    document_id: str = ""
    mark: str = ""
    job_id: str = ""
    tags: tuple[str, ...] = ()
    seen: tuple[Sighting, ...] = ()
    wanted: bool = False
    note: str = ""


class History:
    """Operations in the order in which they ended; each is written to the file at once."""

    def __init__(self, path: Path) -> None:
        self.operations: list[Operation] = []
        self._file = path.open("w", encoding="utf-8")
        self._started = time.monotonic()

    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    def add(self, operation: Operation) -> None:
        """Keeps an operation."""
        self.operations.append(operation)
        self._file.write(json.dumps(asdict(operation)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_history(path: Path) -> list[Operation]:
    """The operations of a file that a `History` wrote."""
    with path.open(encoding="utf-8") as lines:
        return [_operation(json.loads(line)) for line in lines]


def _operation(fields: dict[str, object]) -> Operation:
    seen = fields.pop("seen")
    tags = fields.pop("tags")
    kind, outcome = Kind(str(fields.pop("kind"))), Outcome(str(fields.pop("outcome")))
    assert isinstance(seen, list)
    assert isinstance(tags, list)
    sightings = tuple(Sighting(**{**one, "marks": tuple(one["marks"])}) for one in seen)
    return Operation(kind=kind, outcome=outcome, seen=sightings, tags=tuple(tags), **fields)  # type: ignore[arg-type]
