"""Follows a job or an answer to its end, through every broken connection, with the last cursor it saw."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

import httpx

from tests.e2e.client import FINAL_EVENTS, Api, Json, Refused
from tests.faults.caller import BROKEN

_PAUSE_SECONDS = 0.5
# An answer to these cannot change: whoever gets one has lost the stream for good.
_HOPELESS = {"NOT_FOUND", "BAD_USER_INPUT", "FORBIDDEN"}


@dataclass
class Stream:
    """What a subscription said: `last` is its final event, `faults` what it must not have done."""

    cursor: str | None = None
    sequence: int = -1
    last: Json | None = None
    was_reset: bool = False
    faults: list[str] = field(default_factory=list)
    text: str = ""

    def take(self, event: Json) -> None:
        """Notes an event."""
        name, sequence = event["__typename"], int(event["sequence"])
        if name == "StreamReset":
            # What follows may be counted anew: the stream that counted so far was lost.
            self.was_reset, sequence = True, -1
        elif sequence <= self.sequence:
            self.faults.append(f"{name} {sequence} after {self.sequence}")
        self.cursor, self.sequence = event["cursor"], sequence
        if name == "AnswerDelta":
            self.text += event["text"]
        if name in FINAL_EVENTS:
            self.last = event
        if name == "AnswerCompleted" and not self.was_reset and self.text != event["answer"]["text"]:
            self.faults.append("the pieces of the answer are not its text")


async def follow(api: Api, operation: str, stream: Stream, **subject: str) -> Stream:
    """Follows until the final event, or until the stream is lost; cancel it to give up."""
    while stream.last is None:
        try:
            async with aclosing(api.events(operation, after=stream.cursor, **subject)) as events:
                async for event in events:
                    stream.take(event)
        except Refused as refused:
            if _HOPELESS & set(refused.codes):
                stream.faults.append(f"refused: {' '.join(refused.codes)}")
                return stream
        except (*BROKEN, httpx.StreamError):
            # The connection broke, as it must while parts die; the cursor is still good.
            await asyncio.sleep(_PAUSE_SECONDS)
        if stream.last is None:
            await asyncio.sleep(_PAUSE_SECONDS)
    return stream
