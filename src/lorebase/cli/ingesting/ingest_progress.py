"""Shows how an ingestion goes: bars where somebody watches, lines where a log is kept."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from lorebase.cli.output import is_watched, one_line

STAGES = {
    "FETCH": "fetching",
    "PARSE": "parsing",
    "CHUNK": "chunking",
    "EMBED": "embedding",
    "INDEX": "indexing",
}
NAME_CHARACTERS = 48


class IngestProgress:
    """A bar for all files and one for each file under way; files that wait for their turn have none."""

    def __init__(self, screen: Console, total: int) -> None:
        self._screen = screen
        self._watched = is_watched(screen)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[stage]}", markup=False),
            TimeElapsedColumn(),
            console=screen,
            disable=not self._watched,
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

    @property
    def under_way(self) -> int:
        """How many files have a bar."""
        return len(self._files)

    def advance(self, key: str, stage: str, completed: int = 0, total: int | None = None) -> None:
        """A file is at a stage, `completed` of `total` units (pages, passages) done."""
        if key not in self._files:
            self._files[key] = self._bars.add_task(one_line(key, NAME_CHARACTERS), total=None, stage="")
        name = STAGES.get(stage, stage)
        self._bars.update(self._files[key], completed=completed, total=total, stage=name)

    def queue(self, key: str) -> None:
        """A file waits for its turn."""
        task = self._files.pop(key, None)
        if task is not None:
            self._bars.remove_task(task)

    def finish(self, key: str, outcome: str) -> None:
        """A file has ended; where nobody watches this is its one line."""
        self.queue(key)
        self._bars.advance(self._all)
        if not self._watched:
            self.note(f"{outcome}: {key}")

    def note(self, text: str) -> None:
        """A line of its own, above the bars."""
        self._screen.print(one_line(text), markup=False, soft_wrap=True)
