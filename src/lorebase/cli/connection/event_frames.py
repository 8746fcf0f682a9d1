"""Cuts Server-Sent Events out of bytes (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class _Frame:
    kind: str = ""
    data: list[str] = field(default_factory=list)


async def event_frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, str]]:
    """Kind and data of each whole event; what an end of the bytes leaves unfinished is dropped."""
    frame = _Frame()
    async for line in _lines(chunks):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if frame.kind:
                yield frame.kind, "\n".join(frame.data)
            frame = _Frame()
        elif name == "event":
            frame.kind = value
        elif name == "data":
            frame.data.append(value)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    # Only LF and CRLF end a line: U+2028 and its like may stand in the JSON, where str.splitlines would cut.
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", "replace")
