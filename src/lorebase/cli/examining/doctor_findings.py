"""What the doctor found, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rich.console import Console
from rich.text import Text

from lorebase.cli.output import one_line
from lorebase.core.errors import LorebaseError


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was seen, and how to mend it when it is not as it should be."""

    level: Level
    subject: str
    detail: str
    mend: str = ""


def ok(subject: str, detail: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, subject, detail)


def warn(subject: str, detail: str, mend: str) -> Finding:
    """It works, or may work, but not as it could."""
    return Finding(Level.WARN, subject, detail, mend)


def fail(subject: str, detail: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(Level.FAIL, subject, detail, mend)


def failed_by(error: Exception, subject: str, mend: str) -> Finding:
    """The finding for what a check ran into. Strangers' messages may hold passwords: ours are shown."""
    if isinstance(error, LorebaseError):
        reason = error.details.get("reason")
        return fail(subject, f"{error.message} ({reason})" if reason else error.message, mend)
    if isinstance(error, TimeoutError):
        return fail(subject, "it does not answer", mend)
    return fail(subject, f"it cannot be asked ({type(error).__name__})", mend)


def show(screen: Console, finding: Finding) -> None:
    """Prints the finding, and below it how to mend it."""
    line = Text(f"{finding.level:<5}", style=STYLES[finding.level])
    line.append(f" {one_line(finding.subject)}: {one_line(finding.detail)}", style="not bold default")
    screen.print(line, soft_wrap=True)
    if finding.level is not Level.OK and finding.mend:
        screen.print(f"      → {one_line(finding.mend)}", markup=False, soft_wrap=True)
