"""Drives GraphiQL in Debian's Chromium and returns what was seen there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

IDE = Path(__file__).resolve().parents[2] / "ide"

Scheme = Literal["light", "dark"]


class Run(BaseModel):
    """One operation to click: its tab, and what its response must show before the story goes on."""

    tab: str
    variables: dict[str, JsonValue] | None = None
    capture: dict[str, str] = {}
    expect: list[str] = []


class Story(BaseModel):
    """What to do: open `url` in `browser` and run the tabs in order."""

    url: str
    runs: list[Run] = []
    scheme: Scheme = "light"
    screenshots: str | None = None
    browser: str = "/usr/bin/chromium"


class SeenRun(BaseModel):
    """The response of one run: the editor's text, and the part of it that was on the screen."""

    tab: str
    response: str
    shown: str


class Seen(BaseModel):
    """What the browser saw; the lists of mishaps are empty when all is well."""

    model_config = ConfigDict(alias_generator=to_camel)

    violations: list[str]
    console_errors: list[str]
    page_errors: list[str]
    foreign_requests: list[str]
    tabs: list[str]
    runs: list[SeenRun]
    headers: str = ""
    documentation: str = ""
    workers: list[str] = []
    storage: str = ""
    failure: str | None = None

    def mishaps(self) -> list[str]:
        """Everything that must not happen, whatever the story."""
        failure = [self.failure] if self.failure else []
        return failure + self.violations + self.console_errors + self.page_errors + self.foreign_requests


def build_page() -> None:
    """Builds the bundle, or does nothing when it is up to date; fails when it cannot."""
    subprocess.run(["sh", str(IDE / "build.sh"), "--strict"], check=True, timeout=300)


def tell(story: Story) -> Seen:
    """Runs the story in a browser of its own."""
    done = subprocess.run(
        ["sh", str(IDE / "node.sh"), "node", str(IDE / "browser" / "story.mjs")],
        input=story.model_dump_json(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.stdout, done.stderr
    return Seen.model_validate_json(done.stdout)
