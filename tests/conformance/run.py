"""Runs the public suites on the small schema and the whole stack: `python -m tests.conformance.run [SUITE…]`.

A line a suite, and what failed. Exit status 1 when a MUST fails, or a SHOULD that `known.json` does not name.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from tests.conformance.fuzzing import install_schemathesis, run_schemathesis
from tests.conformance.report import Check, Verdict, read_known
from tests.conformance.servers import fixture_target, real_target
from tests.conformance.suites import FIXTURE, HERE, REAL, ROOT, SUITES, Target, run_suite

SCHEMATHESIS = "schemathesis"
EXAMPLES = 15
TARGETS: dict[str, Callable[[], AbstractContextManager[Target]]] = {
    FIXTURE: fixture_target,
    REAL: real_target,
}


def main() -> int:
    arguments = _arguments()
    folder = ROOT / "build" / "conformance"
    shutil.rmtree(folder, ignore_errors=True)
    known = read_known(HERE / "known.json")
    if SCHEMATHESIS in arguments.suites:
        install_schemathesis()
    failed = 0
    for name, checks in _outcomes(arguments.suites, folder, arguments.examples):
        verdict = Verdict(name, checks, known.get(name, {}))
        print("\n".join([verdict.line(), *verdict.details()]), flush=True)
        failed += bool(verdict.failures)
    print(f"{failed} suites failed." if failed else "All suites pass.")
    return 1 if failed else 0


def _outcomes(chosen: set[str], folder: Path, examples: int) -> Iterator[tuple[str, tuple[Check, ...]]]:
    released = _released_schema()
    for place, open_target in TARGETS.items():
        suites = [suite for suite in SUITES if place in suite.targets and suite.name in chosen]
        fuzzing = place == REAL and SCHEMATHESIS in chosen
        if not suites and not fuzzing:
            continue
        with open_target() as target:
            for suite in suites:
                name = f"{suite.name} ({place})"
                yield name, run_suite(suite, target, folder / place / suite.name, released)
            if fuzzing:
                yield f"{SCHEMATHESIS} ({place})", run_schemathesis(target, folder / SCHEMATHESIS, examples)


def _released_schema() -> str | None:
    """The SDL at the newest release; None before the first and outside of a checkout."""

    def git(*words: str) -> str | None:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    tag = git("describe", "--tags", "--match", "v[0-9]*", "--abbrev=0")
    return git("show", f"{tag.strip()}:schema/schema.graphql") if tag else None


def _arguments() -> argparse.Namespace:
    names = {suite.name for suite in SUITES} | {SCHEMATHESIS}
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", help=f"some of {', '.join(sorted(names))}; all when none is named"
    )
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="made-up calls of each operation")
    arguments = parser.parse_args()
    if unknown := set(arguments.suites) - names:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    arguments.suites = set(arguments.suites) or names
    return arguments


if __name__ == "__main__":
    sys.exit(main())
