"""The examples: what is pinned, what is not committed, and that the documentation shows them as they are."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PACKAGES = [EXAMPLES / "package.json", *sorted(EXAMPLES.glob("*/package.json"))]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
SHOWN = re.compile(r"^<!-- from (\S+) -->\n```ts\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPESCRIPT = re.compile(r"^```tsx?\n", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shown() -> Iterator[tuple[Path, str, str]]:
    """Each example that a page shows: the page, the file it is from, and the text."""
    for page in PAGES:
        yield from ((page, source, text) for source, text in SHOWN.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_every_package_is_pinned_exactly(package: Path) -> None:
    content = json.loads(package.read_text())
    versions = [*content.get("dependencies", {}).values(), *content.get("devDependencies", {}).values()]
    assert versions
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_lock_names_hashes_and_no_addresses() -> None:
    packages = json.loads((EXAMPLES / "package-lock.json").read_text())["packages"]
    installed = [entry for path, entry in packages.items() if "node_modules/" in path]
    third_party = [entry for entry in installed if not entry.get("link")]
    assert len(third_party) > 50
    assert [entry for entry in third_party if not entry["integrity"].startswith("sha512-")] == []
    assert [entry for entry in third_party if "resolved" in entry] == []


def test_nothing_that_is_built_or_generated_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--", "examples"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a checkout of Git")
    parts = {part for path in listed.stdout.splitlines() for part in Path(path).parts}
    assert parts.isdisjoint({"node_modules", "dist", "build", "generated", "__generated__"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_shows_no_typescript_but_that_of_the_examples(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(TYPESCRIPT.findall(text)) == len(SHOWN.findall(text))


def test_what_a_page_shows_stands_in_the_example_word_for_word() -> None:
    assert {source for _, source, _ in shown()} >= {
        "examples/clients/src/apollo.ts",
        "examples/clients/src/urql.ts",
        "examples/clients/src/relay.ts",
        "examples/web/src/lorebase/request.ts",
        "examples/web/src/lorebase/events.ts",
        "examples/web/src/lorebase/resume.ts",
        "examples/web/src/lorebase/upload.ts",
        "examples/web/src/search/filter.ts",
    }
    stale = [
        f"{name_of(page)}: {source}: {text.splitlines()[0]}"
        for page, source, text in shown()
        if text not in (ROOT / source).read_text(encoding="utf-8")
    ]
    assert stale == []
