"""Starts the stages in order, keeps the parts running, stops them in reverse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from lorebase.embedded.backoff import Backoff
from lorebase.embedded.child import Child
from lorebase.embedded.errors import StartFailed
from lorebase.embedded.guard import Guard
from lorebase.embedded.logs import keep_small, tail
from lorebase.embedded.part import OneShot, Part, Stage
from lorebase.embedded.status import PartState, Phase
from lorebase.embedded.supervised import Supervised, SupervisedOneShot, SupervisedPart

QUICK_DEATHS = 5
_STARTING_TICK_SECONDS = 0.05
_READY_TICK_SECONDS = 0.25
_LOG_CHECK_SECONDS = 60.0
_SETTLED = (PartState.READY, PartState.DONE)
_BACKOFF = Backoff()


def _supervise(part: Part | OneShot, guard: Guard | None, backoff: Backoff) -> Supervised:
    if isinstance(part, OneShot):
        return SupervisedOneShot(part, Child(part, guard))
    return SupervisedPart(part, Child(part, guard), backoff)


class StageRunner:
    """Runs the stages until asked to stop.

    `changed` is called after each look at the parts; `stop_asked` says when to end, `hurry_asked` when to
    end without waiting for anyone.
    """

    def __init__(
        self,
        stages: Iterable[Stage],
        *,
        changed: Callable[[StageRunner], None],
        stop_asked: Callable[[], bool],
        hurry_asked: Callable[[], bool] = lambda: False,
        pause: Callable[[float], None] = time.sleep,
        guard: Guard | None = None,
        backoff: Backoff = _BACKOFF,
    ) -> None:
        self.phase = Phase.STARTING
        self.stages = [[_supervise(part, guard, backoff) for part in stage] for stage in stages]
        self._changed = changed
        self._stop_asked = stop_asked
        self._hurry_asked = hurry_asked
        self._pause = pause
        self._logs_checked_at = time.monotonic()

    @property
    def parts(self) -> list[Supervised]:
        """All parts, in the order of their start."""
        return [part for stage in self.stages for part in stage]

    def run(self) -> None:
        """Blocks until a stop is asked for. Raises StartFailed when a part cannot start.

        Every child has ended when it returns or raises.
        """
        try:
            self._start()
            self._watch()
        except BaseException:
            self._stop(Phase.FAILED)
            raise
        self._stop(Phase.STOPPED)

    def _start(self) -> None:
        for stage in self.stages:
            for part in stage:
                part.start()
            while not all(part.state in _SETTLED for part in stage):
                self._look(_STARTING_TICK_SECONDS)
                self._refuse_hopeless()
                if self._stop_asked():
                    return
        self.phase = Phase.READY

    def _watch(self) -> None:
        while not self._stop_asked():
            self._look(_READY_TICK_SECONDS)

    def _look(self, pause: float) -> None:
        for part in self.parts:
            part.tick()
        self._changed(self)
        if time.monotonic() - self._logs_checked_at >= _LOG_CHECK_SECONDS:
            self._logs_checked_at = time.monotonic()
            for part in self.parts:
                keep_small(part.part.log)
        self._pause(pause)

    def _refuse_hopeless(self) -> None:
        for part in self.parts:
            if isinstance(part, SupervisedOneShot):
                hopeless = part.state is PartState.FAILED
            else:
                hopeless = part.overdue or part.deaths_in_a_row >= QUICK_DEATHS
            if hopeless:
                part.state = PartState.FAILED
                raise StartFailed(_failure(part))

    def _stop(self, final: Phase) -> None:
        self.phase = Phase.STOPPING
        for stage in reversed(self.stages):
            self._stop_stage(stage)
        self.phase = final
        self._changed(self)

    def _stop_stage(self, stage: list[Supervised]) -> None:
        running = [part for part in stage if part.child.running]
        for part in running:
            part.state = PartState.STOPPING
            part.child.signal(part.part.stop_signal)
        self._changed(self)
        deadline = time.monotonic() + max((part.part.stop_seconds for part in running), default=0.0)
        while any(part.child.running for part in running):
            if time.monotonic() >= deadline or self._hurry_asked():
                break
            self._pause(_STARTING_TICK_SECONDS)
        for part in stage:
            part.child.kill()
            if part.state not in (PartState.DONE, PartState.FAILED):
                part.state = PartState.STOPPED


def _failure(part: Supervised) -> str:
    if isinstance(part, SupervisedPart) and part.overdue:
        what = f"{part.part.title} was not ready within {part.part.start_seconds:.0f} s."
    else:
        what = f"{part.part.title} cannot start."
    return f"{what} The end of {part.part.log}:\n{tail(part.part.log) or '(empty)'}"
