"""What reaches the terminal: clean of control characters, plain where nobody looks."""

from __future__ import annotations

import io
import re
import sys

from rich.console import Console
from rich.text import Text

# C0 and C1 controls but newline and tab, changes of direction, and halves of surrogate pairs: a title must
# not drive a terminal, and must not make the encoder fail.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


def console() -> Console:
    """Standard output; colours and width only where there is a terminal."""
    return Console(highlight=False, soft_wrap=True)


def is_watched(screen: Console) -> bool:
    """Whether somebody looks at a terminal that can redraw a line."""
    return screen.is_terminal and not screen.is_dumb_terminal


def tolerate_any_encoding() -> None:
    """Keeps a terminal that cannot show a character from ending the command: a `?` stands for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def clean(value: object) -> str:
    """Text that is safe to print."""
    return _UNSAFE.sub("", str(value))


def one_line(value: object, limit: int | None = None) -> str:
    """Text on one line, shortened to `limit` characters."""
    line = " ".join(clean(value).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def highlighted(text: str, ranges: list[dict[str, int]], limit: int) -> Text:
    """A passage around its first match, matches in bold; white space becomes single spaces."""
    start = max(0, min((r["start"] for r in ranges), default=0) - limit // 4)
    shown = Text("…" if start else "")
    position, end = start, start + limit
    for found in sorted(ranges, key=lambda r: r["start"]):
        if found["start"] >= end or found["start"] < position:
            continue
        shown.append(_flat(text[position : found["start"]]))
        shown.append(_flat(text[found["start"] : found["end"]]), style="bold")
        position = found["end"]
    shown.append(_flat(text[position : max(position, end)]))
    if max(position, end) < len(text):
        shown.append("…")
    return shown


def _flat(text: str) -> str:
    return _SPACES.sub(" ", clean(text))
