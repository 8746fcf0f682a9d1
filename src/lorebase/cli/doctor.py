"""`lorebase doctor`."""

from __future__ import annotations

import typer

from lorebase.cli.connection.session import run
from lorebase.cli.connection.settings import read_settings
from lorebase.cli.errors import ExitCode
from lorebase.cli.examining.doctor_findings import Level, show
from lorebase.cli.output import console
from lorebase.embedded import supervisor


def doctor() -> None:
    """Look at everything that Lorebase needs; say what is wrong and how to mend it.

    Exits with 1 when something fails.
    """
    # The databases' libraries take seconds to load, which no other command should wait for.
    from lorebase.cli.examining import doctor_examination  # noqa: PLC0415

    settings = read_settings()
    stack = supervisor.status(settings)
    screen = console()
    findings = doctor_examination.examine_machine(settings, stack)
    for finding in findings:
        show(screen, finding)
    for finding in (parts := run(doctor_examination.examine_parts(settings, stack))):
        show(screen, finding)
    counts = {level: sum(finding.level is level for finding in [*findings, *parts]) for level in Level}
    screen.print(", ".join(f"{number} {level}" for level, number in counts.items()), markup=False)
    raise typer.Exit(ExitCode.FAILED if counts[Level.FAIL] else ExitCode.OK)
