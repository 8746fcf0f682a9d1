"""The life of one long-running part: started, ready, dead, started again."""

from __future__ import annotations

import time
from collections.abc import Callable

from lorebase.embedded.backoff import Backoff
from lorebase.embedded.child import Child
from lorebase.embedded.logs import note, size, tail
from lorebase.embedded.part import OneShot, OneShotResult, Part
from lorebase.embedded.status import PartState

Clock = Callable[[], float]

_BACKOFF = Backoff()


class SupervisedPart:
    """Keeps a service running. Call `tick` often; it never waits."""

    def __init__(
        self, part: Part, child: Child, backoff: Backoff = _BACKOFF, clock: Clock = time.monotonic
    ) -> None:
        self.part = part
        self.child = child
        self.state = PartState.WAITING
        self.restarts = 0
        self.deaths_in_a_row = 0
        self.overdue = False
        self._backoff = backoff
        self._clock = clock
        self._started_at = 0.0
        self._start_again_at = 0.0

    def start(self) -> None:
        """Starts the process; a system that cannot do so now is asked again later."""
        self._started_at = self._clock()
        self.state = PartState.STARTING
        try:
            self.child.start()
        except OSError as error:
            note(self.part.log, f"cannot run {self.part.command[0]}: {error}")
            self._died()

    def tick(self) -> None:
        """Looks at the process once and does what is due."""
        if self.state is PartState.RESTARTING:
            if self._clock() >= self._start_again_at:
                self.restarts += 1
                self.start()
        elif self.state in (PartState.STARTING, PartState.READY) and not self.child.running:
            self._died()
        elif self.state is PartState.STARTING:
            self._look_whether_ready()

    def _look_whether_ready(self) -> None:
        age = self._clock() - self._started_at
        if self.part.probe() if self.part.probe else age >= self.part.settle_seconds:
            self.state = PartState.READY
        elif age >= self.part.start_seconds:
            self.overdue = True
            self.child.kill()
            self._died()

    def _died(self) -> None:
        self.child.kill()
        now = self._clock()
        if self.state is PartState.READY and now - self._started_at >= self._backoff.settled_seconds:
            self.deaths_in_a_row = 0
        self.deaths_in_a_row += 1
        self._start_again_at = now + self._backoff.seconds(self.deaths_in_a_row)
        self.state = PartState.RESTARTING


class SupervisedOneShot:
    """Runs a command once; `state` ends as DONE or FAILED."""

    def __init__(self, part: OneShot, child: Child, clock: Clock = time.monotonic) -> None:
        self.part = part
        self.child = child
        self.state = PartState.WAITING
        self.restarts = 0
        self._clock = clock
        self._started_at = 0.0
        self._log_began = 0

    def start(self) -> None:
        """Starts the command."""
        self._started_at = self._clock()
        self._log_began = size(self.part.log)
        self.state = PartState.STARTING
        try:
            self.child.start()
        except OSError as error:
            note(self.part.log, f"cannot run {self.part.command[0]}: {error}")
            self.state = PartState.FAILED

    def tick(self) -> None:
        """Looks whether the command has ended, or takes too long."""
        if self.state is not PartState.STARTING:
            return
        if not self.child.running:
            self._ended(self.child.poll() or 0)
        elif self._clock() - self._started_at >= self.part.start_seconds:
            self.child.kill()
            self.state = PartState.FAILED

    def _ended(self, returncode: int) -> None:
        self.child.kill()
        log_tail = tail(self.part.log, since=self._log_began)
        result = OneShotResult(returncode, self.child.read_output(), log_tail)
        if self.part.accepts(result):
            self.part.finished(result)
            self.state = PartState.DONE
        else:
            self.state = PartState.FAILED


Supervised = SupervisedPart | SupervisedOneShot
