"""Which suites there are, what each is run against, and how one is run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.report import Check, read_report

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NODE = ROOT / "ide" / "node.sh"
LONGEST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Target:
    """A server to test: its endpoint, a key, and the operations that its schema knows."""

    name: str
    url: str
    key: str = field(repr=False)
    operations: Path
    values: Mapping[str, str] = field(default_factory=dict)

    def content(self, folder: Path, released: str | None) -> str:
        """What a suite reads: JSON, with the target's values in the place of texts such as "@name"."""
        operations = self.operations.read_text()
        for name, value in self.values.items():
            operations = operations.replace(json.dumps(f"@{name}"), json.dumps(value))
        return json.dumps(
            {
                "url": self.url,
                "headers": {"authorization": f"Bearer {self.key}"},
                "folder": str(folder),
                "operations": json.loads(operations),
                "schema": str(ROOT / "schema" / "schema.graphql"),
                "stories": str(ROOT / "schema" / "operations"),
                "released": released,
            }
        )


@dataclass(frozen=True, slots=True)
class Suite:
    """A script in `node/`, the targets it needs, and how many checks it has at least."""

    name: str
    targets: tuple[str, ...]
    least: int = 1


FIXTURE, REAL = "fixture", "real"
SUITES = (
    Suite("http-audit", (FIXTURE, REAL), least=61),
    Suite("ws", (FIXTURE,), least=30),
    Suite("sse", (FIXTURE,), least=13),
    Suite("apollo", (FIXTURE,), least=8),
    Suite("urql", (FIXTURE,), least=7),
    Suite("upload", (FIXTURE, REAL), least=15),
    Suite("relay", (FIXTURE, REAL), least=8),
    Suite("codegen", (FIXTURE, REAL), least=3),
    Suite("inspector", (REAL,), least=4),
    Suite("lint", (REAL,), least=25),
)


def run_suite(suite: Suite, target: Target, folder: Path, released: str | None) -> tuple[Check, ...]:
    """Runs a suite in a process of its own; its files stay in the folder, the key does not."""
    folder.mkdir(parents=True)
    description, report = folder / "target.json", folder / "report.json"
    script = HERE / "node" / f"{suite.name}.mjs"
    with os.fdopen(os.open(description, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write(target.content(folder, released))
    try:
        done = subprocess.run(
            ["sh", str(NODE), "node", str(script), str(description), str(report)],
            cwd=script.parent,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
        output = done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        output = f"It had not ended after {LONGEST_SECONDS} s."
    finally:
        description.unlink()
    return read_report(report, suite.least, output)
