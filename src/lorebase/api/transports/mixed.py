"""Subscriptions as multipart/mixed, for Apollo's clients.

https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
"""

from __future__ import annotations

import orjson

from lorebase.api.transports.streaming import Payload

# Each part ends with the boundary of the next: so a client can read it as soon as it is sent.
HEAD = b"Content-Type: application/json\r\n\r\n"
BOUNDARY = b"\r\n---"


class MixedParts:
    """The parts of multipart/mixed with the boundary `-`; the first frame also opens the body."""

    name = "multipart"
    media_type = 'multipart/mixed;boundary="-";subscriptionSpec=1.0'
    keep_alive = BOUNDARY + b"\r\n" + HEAD + b"{}"
    complete = BOUNDARY + b"--\r\n"

    def frame(self, payload: Payload) -> bytes:
        """One result as the payload of a part."""
        return BOUNDARY + b"\r\n" + HEAD + orjson.dumps({"payload": payload})
