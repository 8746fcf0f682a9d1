"""Schemathesis: calls every query and mutation with made-up arguments, and looks for errors of the server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.conformance.report import Check, Level
from tests.conformance.suites import HERE, ROOT, Target

ENVIRONMENT = ROOT / "build" / "schemathesis"
LOCK = HERE / "requirements-schemathesis.lock"
LONGEST_SECONDS = 900
CONFIGURATION = """\
headers = { Authorization = "Bearer ${LOREBASE_CONFORMANCE_KEY}" }
request-timeout = 30.0
generation.max-examples = %d
generation.deterministic = true
"""


def install_schemathesis() -> None:
    """Makes an environment of its own with it, unless there is one: it shares no versions with the API."""
    installed = ENVIRONMENT / LOCK.name
    if installed.exists() and installed.read_bytes() == LOCK.read_bytes():
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", *options, "-r", str(LOCK)]
    subprocess.run(pip, check=True)
    installed.write_bytes(LOCK.read_bytes())


def run_schemathesis(target: Target, folder: Path, examples: int) -> tuple[Check, ...]:
    """One check an operation; the calls are the same each time, so that a failure can be repeated."""
    folder.mkdir(parents=True)
    (folder / "schemathesis.toml").write_text(CONFIGURATION % examples)
    report = folder / "junit.xml"
    with (folder / "output.txt").open("wb") as output:
        command = [str(ENVIRONMENT / "bin" / "schemathesis"), "--no-color", "run", target.url]
        options = ["--checks", "not_a_server_error", "--report-junit-path", str(report)]
        subprocess.run(
            [*command, *options],
            cwd=folder,
            env={
                "PATH": os.defpath,
                "HOME": str(folder),
                "PYTHONPATH": str(HERE),
                "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                "LOREBASE_CONFORMANCE_KEY": target.key,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    if not report.exists():
        said = (folder / "output.txt").read_text()[-2000:]
        return (Check(name="schemathesis ran to its end", level=Level.MUST, ok=False, detail=said),)
    return tuple(read_junit(report))


def read_junit(report: Path) -> list[Check]:
    """One check a test case."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        faults = [*case.iter("failure"), *case.iter("error")]
        detail = " ".join((fault.text or fault.get("message", "")).strip()[:600] for fault in faults)
        name = case.get("name", "?")
        found.append(Check(name=name, level=Level.MUST, ok=not faults, detail=detail))
    return found
