"""Builds the example application, walks through it in Debian's Chromium, and returns what was seen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue
from pydantic.alias_generators import to_camel

from tests.integration.browser_story import IDE, Scheme

EXAMPLES = IDE.parent / "examples"
BUILD_SECONDS = 400
STORY_SECONDS = 150
# The browser itself reports the wrong key and the connections that the story cuts.
EXPECTED_CONSOLE = "Failed to load resource: "


class WebStory(BaseModel):
    """Where the API is and what to do there; `picks` are choices in the filter panel."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    api: str
    key: str
    knowledge_base: str
    files: list[dict[str, str]]
    tag: str
    query: str
    picks: list[dict[str, JsonValue]]
    question: str
    scheme: Scheme
    screenshots: str
    browser: str = "/usr/bin/chromium"


class WebSeen(BaseModel):
    """What the browser saw; `texts` are all states of the answer's text, in their order."""

    model_config = ConfigDict(alias_generator=to_camel)

    console_errors: list[str]
    page_errors: list[str]
    foreign_requests: list[str]
    stages: list[str]
    texts: list[str]
    steps: list[str]
    refusal: str = ""
    unfiltered: list[str] = []
    filters: list[str] = []
    filtered: list[str] = []
    marked: list[str] = []
    text_when_cut: str = ""
    text: str = ""
    answer_id: str = ""
    cuts: int = 0
    resumed_with: list[str] = []
    quote: str = ""
    quote_title: str = ""
    quote_in_view: bool = False
    local_storage: str = ""
    session_storage: str = ""
    overflow: int = 0
    failure: str | None = None

    def mishaps(self) -> list[str]:
        """Everything that must not happen, whatever the story."""
        console = [text for text in self.console_errors if not text.startswith(EXPECTED_CONSOLE)]
        failure = [self.failure] if self.failure else []
        return failure + console + self.page_errors + self.foreign_requests


def build_examples() -> None:
    """Installs, checks and builds everything below `examples`; fails when any of it does."""
    done = subprocess.run(
        ["sh", str(EXAMPLES / "build.sh")],
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run_node(folder: Path, *words: str, given: str = "", environment: dict[str, str] | None = None) -> str:
    """What a Node program printed; it may have failed, which its output must say."""
    done = subprocess.run(
        ["sh", str(IDE / "node.sh"), "node", *words],
        cwd=folder,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=STORY_SECONDS,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout


def walk(story: WebStory) -> WebSeen:
    """Walks through the built application in a browser of its own."""
    seen = run_node(EXAMPLES / "web", "browser/story.mjs", given=story.model_dump_json(by_alias=True))
    return WebSeen.model_validate(json.loads(seen))
