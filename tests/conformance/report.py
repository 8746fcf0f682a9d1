"""What a suite found, and whether that is good enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, TypeAdapter


class Level(StrEnum):
    """How much a check matters: RFC 2119 for protocols, in our own words for the rest."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


class Check(BaseModel):
    """One statement about a server and whether it held."""

    name: str
    level: Level
    ok: bool
    detail: str = ""


class Report(BaseModel):
    """What a suite leaves behind."""

    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A suite against a target. `known` names SHOULD checks that may fail, each with its reason."""

    suite: str
    checks: tuple[Check, ...]
    known: Mapping[str, str]

    @property
    def failures(self) -> tuple[Check, ...]:
        """Everything that has to be mended: a MUST always, a SHOULD unless it is known."""
        return tuple(
            check
            for check in self.checks
            if not check.ok
            and (check.level is Level.MUST or (check.level is Level.SHOULD and check.name not in self.known))
        )

    @property
    def outdated(self) -> tuple[str, ...]:
        """Known failures that are none any more."""
        failing = {check.name for check in self.checks if not check.ok}
        return tuple(name for name in self.known if name not in failing)

    def line(self) -> str:
        """The suite in one line: how many checks of each level hold."""
        total = Counter(check.level for check in self.checks)
        held = Counter(check.level for check in self.checks if check.ok)
        counts = "  ".join(f"{level} {held[level]:>3}/{total[level]:<3}" for level in Level if total[level])
        accepted = sum(1 for check in self.checks if not check.ok and check.name in self.known)
        note = f"  ({accepted} known)" if accepted else ""
        return f"{'FAILED' if self.failures else 'ok':<7}{self.suite:<26}{counts}{note}"

    def details(self) -> list[str]:
        """What failed and why, one line each."""
        lines = [f"        {check.level} {check.name}: {check.detail}" for check in self.failures]
        return lines + [f"        no longer fails, take it off the list: {name}" for name in self.outdated]


def read_report(path: Path, least: int, output: str) -> tuple[Check, ...]:
    """The checks of a report; a suite that broke down or left checks out fails a check of its own."""
    if not path.exists():
        return (Check(name="the suite ran to its end", level=Level.MUST, ok=False, detail=output[-2000:]),)
    checks = Report.model_validate_json(path.read_bytes()).checks
    if len(checks) >= least:
        return checks
    missing = Check(
        name=f"the suite has at least {least} checks", level=Level.MUST, ok=False, detail=f"{len(checks)}"
    )
    return (*checks, missing)


def read_known(path: Path) -> dict[str, dict[str, str]]:
    """Reasons by suite and by the name of the check."""
    return TypeAdapter(dict[str, dict[str, str]]).validate_json(path.read_bytes())
