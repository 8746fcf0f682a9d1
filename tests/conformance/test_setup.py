"""The script that installs the suites' packages: without Node.js it fails and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.suites import HERE, ROOT

TOOLS = ["sh", "dirname", "cat", "cksum", "cmp", "rm", "mktemp", "cp"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts alone, beside a `bin` that has neither Node nor Python."""
    folder = tmp_path / "a path with spaces"
    suites = folder / "tests" / "conformance" / "node"
    shutil.copytree(HERE / "node", suites, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "ide").mkdir()
    for name in ("node.sh", "requirements-node.lock"):
        shutil.copy(ROOT / "ide" / name, folder / "ide")
    (folder / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        os.symlink(found, folder / "bin" / tool)
    return folder


def install(checkout: Path) -> subprocess.CompletedProcess[str]:
    programs = checkout / "bin"
    script = checkout / "tests" / "conformance" / "node" / "setup.sh"
    return subprocess.run(
        [str(programs / "sh"), str(script)],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_node_and_pip_it_fails_and_says_what_is_missing(checkout: Path) -> None:
    done = install(checkout)
    assert done.returncode == 1
    assert "need Node.js of version 20 or newer" in done.stderr


def test_packages_that_are_there_are_left_alone(checkout: Path) -> None:
    node = checkout / "bin" / "node"
    node.write_text("#!/bin/sh\necho 20\n")
    npm = checkout / "bin" / "npm"
    npm.write_text('#!/bin/sh\n[ "$1" = --version ] || exit 9\n')
    for program in (node, npm):
        program.chmod(0o755)
    suites = checkout / "tests" / "conformance" / "node"
    assert install(checkout).returncode == 9
    (suites / "node_modules").mkdir()
    lock = (suites / "package-lock.json").read_bytes()
    stamp = subprocess.run(["cksum"], input=lock, capture_output=True, check=True).stdout
    (suites / "node_modules" / ".stamp").write_bytes(stamp)
    assert install(checkout).returncode == 0
