"""The client examples of the documentation, run against the real stack over connections that are cut."""

from __future__ import annotations

import os
import re
from uuid import uuid4

import pytest

from tests.e2e.client import Api
from tests.e2e.library import Library
from tests.e2e.web_story import EXAMPLES, build_examples, run_node
from tests.stack import RunningStack

# They need Node.js and what the browser tests build, so they run with those.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(700)]

CLIENTS = ["plain fetch", "Apollo Client", "urql", "Relay"]


async def filled_knowledge_base(stack: RunningStack) -> str:
    """A knowledge base with more than two pages of what the clients list."""
    known = stack.credentials
    async with Api(known.url, known.api_key) as api:
        library = await Library.create(api, known.workspace_id, f"Clients {uuid4().hex[:8]}")
        for number in range(1, 6):
            await library.shelve(f"{number}.md", f"# Pier {number}\n\nPier {number} is made of oak.")
        return library.id


async def test_every_client_works_and_goes_on_after_a_cut(running_stack: RunningStack) -> None:
    build_examples()
    known = running_stack.credentials
    environment = {
        **os.environ,
        "LOREBASE_URL": known.url,
        "LOREBASE_KEY": known.api_key,
        "LOREBASE_WORKSPACE": known.workspace_id,
        "LOREBASE_KNOWLEDGE_BASE": await filled_knowledge_base(running_stack),
    }
    words = ("--test", "--test-reporter=tap", "build/live.js")
    printed = run_node(EXAMPLES / "clients", *words, environment=environment)
    passed = re.findall(r"^ok \d+ - (.+)$", printed, re.MULTILINE)
    assert "not ok" not in printed, printed
    for client in CLIENTS:
        assert f"{client} goes on with an answer after its connection was cut" in passed
    assert len(passed) == len(re.findall(r"^test\(", (EXAMPLES / "clients/src/live.ts").read_text(), re.M))
