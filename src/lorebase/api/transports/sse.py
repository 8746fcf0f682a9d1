"""Server-Sent Events, one operation a connection.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md (distinct connections mode); frames end in LF
and carry `id:` where an event has a cursor, so that a browser resumes by itself.
"""

from __future__ import annotations

import orjson

from lorebase.api.transports.streaming import Payload


class ServerSentEvents:
    """The frames of text/event-stream."""

    name = "sse"
    media_type = "text/event-stream"
    keep_alive = b":\n\n"
    complete = b"event: complete\ndata:\n\n"

    def frame(self, payload: Payload) -> bytes:
        """One result, with its cursor as the id."""
        cursor = _cursor(payload.get("data"))
        identity = b"id: " + cursor.encode() + b"\n" if cursor else b""
        return b"event: next\n" + identity + b"data: " + orjson.dumps(payload) + b"\n\n"


def _cursor(data: object) -> str | None:
    for value in data.values() if isinstance(data, dict) else ():
        cursor = value.get("cursor") if isinstance(value, dict) else None
        if isinstance(cursor, str) and cursor.isascii() and cursor.isprintable():
            return cursor
    return None
