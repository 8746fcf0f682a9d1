"""Shows how an ingestion goes: bars where somebody watches, lines where a log is kept."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lorebase.cli.output import clean, one_line

STAGES = {
    "FETCH": "fetching",
    "PARSE": "parsing",
    "CHUNK": "chunking",
    "EMBED": "embedding",
    "INDEX": "indexing",
}


class IngestProgress:
    """A bar for all files and one for each file under way."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[stage]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._all = self._bars.add_task("all files", total=total, stage="")
        self._files: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def advance(self, key: str, stage: str | None, completed: int, total: int | None) -> None:
        """A file is at a stage, `completed` of `total` units (pages, passages) done."""
        if key not in self._files:
            self._files[key] = self._bars.add_task(one_line(key, 48), total=None, stage="")
        name = STAGES.get(stage or "", stage or "uploading")
        self._bars.update(self._files[key], completed=completed, total=total, stage=name)

    def finish(self, key: str, outcome: str) -> None:
        """A file has ended; without a terminal this is its one line."""
        task = self._files.pop(key, None)
        if task is not None:
            self._bars.remove_task(task)
        self._bars.advance(self._all)
        if not self._console.is_terminal:
            self._console.print(f"{clean(outcome)}: {clean(key)}", markup=False)
