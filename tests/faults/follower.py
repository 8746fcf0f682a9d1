"""Follows a job or an answer to its end, through every broken connection, with the last cursor it saw."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

import httpx

from tests.e2e.client import FINAL_EVENTS, Api, Json, Refused
from tests.faults.caller import BROKEN
from tests.faults.citing import faults_of_citations

_PAUSE_SECONDS = 0.5
# An answer to these cannot change: whoever gets one has lost the stream for good.
_HOPELESS = {"NOT_FOUND", "BAD_USER_INPUT", "FORBIDDEN"}


@dataclass
class Stream:
    """What a subscription said: `last` is its final event, `faults` what it must not have done.

    `text` is what a client shows that joins the pieces of an answer as the contract has it.
    """

    cursor: str | None = None
    sequence: int = -1
    last: Json | None = None
    faults: list[str] = field(default_factory=list)
    text: str = ""

    def take(self, event: Json) -> None:
        """Notes an event."""
        name, sequence = event["__typename"], int(event["sequence"])
        if name == "StreamReset":
            # What follows may be counted anew: the stream that counted so far was lost.
            sequence = -1
            self.text = event["snapshot"].get("text") or ""
        elif sequence <= self.sequence:
            self.faults.append(f"{name} {sequence} after {self.sequence}")
        self.cursor, self.sequence = event["cursor"], sequence
        if name == "AnswerDelta":
            self._join(event["offset"], event["text"])
        if name in FINAL_EVENTS:
            self._end(event)

    def _join(self, offset: int, text: str) -> None:
        if offset > len(self.text):
            self.faults.append(f"a piece is missing between {len(self.text)} and {offset}")
        self.text = self.text[:offset] + text

    def _end(self, event: Json) -> None:
        self.last = event
        if "answer" in event:
            if self.text != event["answer"]["text"]:
                told, kept = len(self.text), len(event["answer"]["text"])
                self.faults.append(f"the pieces of the answer ({told}) are not its text ({kept})")
            self.faults.extend(faults_of_citations(event["answer"]))


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
