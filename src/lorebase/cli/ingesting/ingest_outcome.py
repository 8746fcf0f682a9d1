"""What became of the files of one `lorebase ingest`, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console

from lorebase.cli.output import one_line

LISTED = 20

Reasons = list[tuple[str, str]]


@dataclass
class Outcome:
    """Keys of the ready and the unchanged, keys and reasons of the failed and the skipped.

    `waiting` holds the keys of files that were taken in and whose jobs had not ended, by their jobs.
    """

    total: int = 0
    ready: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: Reasons = field(default_factory=list)
    skipped: Reasons = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)

    @property
    def not_sent(self) -> int:
        """How many of the files were not taken in before the end."""
        done = len(self.ready) + len(self.unchanged) + len(self.failed) + len(self.waiting)
        return self.total - done

    def show(self, screen: Console) -> None:
        """Prints the counts, then what failed or was skipped and why."""
        counts = [
            f"{len(self.ready)} ready",
            f"{len(self.unchanged)} unchanged",
            f"{len(self.failed)} failed",
            f"{len(self.skipped)} skipped",
        ]
        if self.waiting:
            counts.append(f"{len(self.waiting)} still being worked on")
        if self.not_sent:
            counts.append(f"{self.not_sent} not sent")
        screen.print(", ".join(counts), markup=False)
        for title, rows in (("failed", self.failed), ("skipped", self.skipped)):
            for key, reason in rows[:LISTED]:
                screen.print(f"  {title}: {one_line(key)}: {one_line(reason)}", markup=False)
            if len(rows) > LISTED:
                screen.print(f"  … and {len(rows) - LISTED} more {title}", markup=False)
        if self.waiting or self.not_sent:
            screen.print("Run the same command again for the rest.", markup=False)
