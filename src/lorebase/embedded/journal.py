"""Keeps the state file and the display up with the parts."""

from __future__ import annotations

import logging
import os

from lorebase.embedded.display import Display
from lorebase.embedded.home import Home
from lorebase.embedded.plan import Plan
from lorebase.embedded.processes import born
from lorebase.embedded.stages import StageRunner
from lorebase.embedded.state import PartRecord, StackRecord, write_state
from lorebase.embedded.supervised import Supervised

_logger = logging.getLogger(__name__)


class Journal:
    """Called with the runner after each look; writes only what is new."""

    def __init__(self, home: Home, plan: Plan, display: Display) -> None:
        self._home = home
        self._plan = plan
        self._display = display
        self._birth = born(os.getpid()) or 0.0
        self._births: dict[int, float | None] = {}
        self._written: StackRecord | None = None

    def note(self, runner: StageRunner) -> None:
        """Records how the parts are now."""
        run = self._plan.run_directory
        record = StackRecord(
            pid=os.getpid(),
            born=self._birth,
            phase=runner.phase,
            url=self._plan.url,
            run_directory=run.path if run else None,
            parts=[self._part(part) for part in runner.parts],
        )
        self._display.show(record)
        if record != self._written:
            self._write(record)

    def _write(self, record: StackRecord) -> None:
        try:
            write_state(self._home.state, record)
        except OSError as error:
            # A full disk must not end the parts; what is new is written at the next look.
            _logger.warning("cannot write the state file: %s", error.strerror)
        else:
            self._written = record

    def _part(self, part: Supervised) -> PartRecord:
        pid = part.child.pid if part.child.running else None
        if pid is not None and pid not in self._births:
            self._births[pid] = born(pid)
        return PartRecord(
            name=part.part.name,
            title=part.part.title,
            state=part.state,
            pid=pid,
            born=self._births.get(pid) if pid is not None else None,
            address=part.part.address,
            restarts=part.restarts,
            log=part.part.log,
        )
