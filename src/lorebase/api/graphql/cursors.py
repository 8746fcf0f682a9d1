"""Cursors: opaque, signed, and of use only in the list or stream they were made for."""

from __future__ import annotations

from uuid import UUID

from lorebase.core.errors import BadInput
from lorebase.core.security import Signer
from lorebase.schemas.events import StreamName, StreamPosition
from lorebase.schemas.pagination import Position
from lorebase.schemas.search import Expansion


def _verified(signer: Signer, purpose: str, cursor: str, argument: str) -> str:
    payload = signer.verify(purpose, cursor) if cursor.isascii() else None
    if payload is None:
        raise BadInput(
            f"`{argument}` is no cursor of this list; take one from `pageInfo` or `edges`.", field=[argument]
        )
    return payload


class PositionCursors:
    """Cursors of one ordered list; `purpose` names the list, its order and its workspace."""

    def __init__(self, signer: Signer, purpose: str) -> None:
        self._signer = signer
        self._purpose = f"list:{purpose}"

    def write(self, position: Position) -> str:
        """The cursor of a position."""
        return self._signer.sign(self._purpose, f"{position.id.hex}{position.sort_value}")

    def read(self, cursor: str, argument: str) -> Position:
        """The position of a cursor; BadInput for one of another list."""
        payload = _verified(self._signer, self._purpose, cursor, argument)
        return Position(id=UUID(hex=payload[:32]), sort_value=payload[32:])


class OffsetCursors:
    """Cursors of one search: how many hits came before; `fingerprint` is that of the whole input.

    They also carry what a chat model made of the query on the first page: asked again it would say something
    else, and the pages would be cut from different orders.
    """

    def __init__(self, signer: Signer, workspace_id: UUID, fingerprint: str) -> None:
        self._signer = signer
        self._purpose = f"search:{workspace_id}:{fingerprint}"

    def write(self, offset: int, expansion: Expansion | None = None) -> str:
        """The cursor after so many hits."""
        carried = f":{expansion.model_dump_json()}" if expansion else ""
        return self._signer.sign(self._purpose, f"{offset}{carried}")

    def read(self, cursor: str) -> tuple[int, Expansion | None]:
        """How many hits came before, and the expansion; BadInput for the cursor of another search."""
        offset, _, carried = _verified(self._signer, self._purpose, cursor, "after").partition(":")
        return int(offset), Expansion.model_validate_json(carried) if carried else None


class StreamCursors:
    """Cursors of one stream of events."""

    def __init__(self, signer: Signer, name: StreamName) -> None:
        self._signer = signer
        self.purpose = f"stream:{name}"

    def write(self, position: StreamPosition) -> str:
        """The cursor of an event."""
        return self._signer.sign(self.purpose, f"{position.sequence}:{position.epoch}")

    def read(self, cursor: str | None) -> StreamPosition | None:
        """The position to resume after, None for none; BadInput for the cursor of another stream."""
        if not cursor:
            return None
        sequence, _, epoch = _verified(self._signer, self.purpose, cursor, "after").partition(":")
        return StreamPosition(epoch=epoch, sequence=int(sequence))
