"""A lock that many readers share and one writer has alone; nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turnstile:
    """Readers run together, a writer runs alone.

    Everyone passes one gate in turn, so neither a stream of readers nor one of writers starves the other.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._readers = 0
        self._nobody_reads = threading.Condition()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Held by any number of readers while no writer is inside."""
        with self._gate, self._nobody_reads:
            self._readers += 1
        try:
            yield
        finally:
            with self._nobody_reads:
                self._readers -= 1
                self._nobody_reads.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Held by one writer while nobody else is inside."""
        with self._gate:
            with self._nobody_reads:
                self._nobody_reads.wait_for(lambda: self._readers == 0)
            yield
