"""How a WebSocket ends: the codes of the protocol, and those of our own."""

from __future__ import annotations

BAD_MESSAGE = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
SUBPROTOCOL_UNKNOWN = 4406
INITIALISATION_TIMEOUT = 4408
DUPLICATE = 4409
TOO_MANY_INITIALISATIONS = 4429
TRY_AGAIN = 1013
SEND_TIMEOUT = 4504


class Closed(Exception):
    """The connection must end, with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
