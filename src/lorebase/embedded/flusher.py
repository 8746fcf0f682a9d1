"""Flushes collections when writing pauses: unflushed vectors are searched one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CollectionName:
    """A collection in its database."""

    database: str
    collection: str


@dataclass
class _Unflushed:
    rows: int
    last_write: float


class Flusher:
    """Calls `flush` once a collection has been quiet for `quiet_seconds`, or holds `rows_maximum` new rows.

    Each flush makes a file, so a flush a write would cost more than it gives.
    """

    def __init__(
        self,
        flush: Callable[[CollectionName], None],
        quiet_seconds: float = 1.0,
        rows_maximum: int = 2000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._flush = flush
        self._quiet_seconds = quiet_seconds
        self._rows_maximum = rows_maximum
        self._clock = clock
        self._unflushed: dict[CollectionName, _Unflushed] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flusher", daemon=True)

    def wrote(self, name: CollectionName, rows: int) -> None:
        """Notes that rows were written, or deleted, and are not flushed yet."""
        with self._lock:
            known = self._unflushed.get(name)
            self._unflushed[name] = _Unflushed((known.rows if known else 0) + rows, self._clock())

    def due(self) -> list[CollectionName]:
        """Takes the collections that should be flushed now."""
        now = self._clock()
        with self._lock:
            names = [name for name, waiting in self._unflushed.items() if self._is_due(waiting, now)]
            for name in names:
                del self._unflushed[name]
        return names

    def _is_due(self, waiting: _Unflushed, now: float) -> bool:
        return waiting.rows >= self._rows_maximum or now - waiting.last_write >= self._quiet_seconds

    def start(self) -> None:
        """Begins to watch, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what is unflushed stays so, and is flushed when the collection is closed."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._quiet_seconds / 4):
            for name in self.due():
                self._flush(name)
