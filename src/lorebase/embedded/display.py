"""Tells people how the stack is: a table on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lorebase.embedded.home import Home
from lorebase.embedded.state import PartRecord, StackRecord
from lorebase.embedded.status import PartState, Phase

_STYLES = {
    PartState.READY: "green",
    PartState.DONE: "green",
    PartState.STARTING: "yellow",
    PartState.RESTARTING: "bold yellow",
    PartState.STOPPING: "yellow",
    PartState.FAILED: "bold red",
}
_TOLD = (PartState.READY, PartState.DONE, PartState.RESTARTING, PartState.FAILED)


class Display(Protocol):
    """Shows a record of the stack; called often, mostly with nothing new."""

    def show(self, record: StackRecord) -> None:
        """Shows what is new."""

    def close(self) -> None:
        """Leaves the last picture standing."""


def display_for(console: Console, home: Home) -> Display:
    """A table when people look, lines when a file or another program does."""
    return TableDisplay(console, home) if console.is_terminal else LineDisplay(console, home)


def ready_lines(record: StackRecord, home: Home) -> list[str]:
    """What a user wants to know once everything runs."""
    return [
        f"Lorebase is ready: {record.url} (open it in a browser for GraphiQL)",
        f"API key and ids: {home.credentials}",
        f"Logs: {home.log('api').parent}",
    ]


class LineDisplay:
    """One line for each change."""

    def __init__(self, console: Console, home: Home) -> None:
        self._console = console
        self._home = home
        self._began = time.monotonic()
        self._told: dict[str, tuple[PartState, int]] = {}
        self._phase: Phase | None = None

    def show(self, record: StackRecord) -> None:
        """Prints what has changed since the last call."""
        for part in record.parts:
            self._show_part(part)
        if record.phase is not self._phase:
            self._phase = record.phase
            self._show_phase(record)

    def close(self) -> None:
        """Nothing is left to print."""

    def _show_part(self, part: PartRecord) -> None:
        now = (part.state, part.restarts)
        if self._told.get(part.name) != now:
            self._told[part.name] = now
            if part.state in _TOLD:
                where = f" on {part.address}" if part.address and part.state is PartState.READY else ""
                self._print(f"{part.title}: {part.state}{where}")

    def _show_phase(self, record: StackRecord) -> None:
        if record.phase is Phase.READY:
            for line in ready_lines(record, self._home):
                self._print(line)
        else:
            self._print(f"Lorebase is {record.phase}.")

    def _print(self, line: str) -> None:
        seconds = time.monotonic() - self._began
        self._console.print(f"[{seconds:6.1f} s] {line}", markup=False, highlight=False, soft_wrap=True)


class TableDisplay:
    """A table that is redrawn in place; without a thread, since the supervisor forks."""

    def __init__(self, console: Console, home: Home) -> None:
        self._home = home
        self._last: StackRecord | None = None
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def show(self, record: StackRecord) -> None:
        """Redraws when something is new."""
        if record != self._last:
            self._last = record
            self._live.update(picture(record, self._home), refresh=True)

    def close(self) -> None:
        """Stops redrawing."""
        self._live.stop()


def picture(record: StackRecord, home: Home) -> Group:
    """The table and what to do next."""
    table = Table(title=f"Lorebase: {record.phase}", title_justify="left")
    for heading in ("Part", "State", "Listens on"):
        table.add_column(heading, overflow="fold")
    table.add_column("Restarts", justify="right")
    for part in record.parts:
        state = Text(part.state, style=_STYLES.get(part.state, "dim"))
        table.add_row(part.title, state, part.address, str(part.restarts or ""))
    lines = ready_lines(record, home) if record.phase is Phase.READY else []
    ending = record.phase in (Phase.STOPPING, Phase.STOPPED, Phase.FAILED)
    hint = "Press Ctrl-C again to stop at once." if record.phase is Phase.STOPPING else ""
    return Group(table, *map(Text, lines), Text(hint if ending else "Press Ctrl-C to stop.", style="dim"))
