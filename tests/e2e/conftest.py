"""The running stack, its first key, and knowledge bases to play in."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.e2e.client import Api
from tests.e2e.library import Library
from tests.e2e.shelf import Shelf, fill_shelf
from tests.e2e.story import Story, open_story
from tests.stack import RunningStack

Pause = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def stack(running_stack: RunningStack) -> RunningStack:
    """The real thing: every process up."""
    return running_stack


@pytest.fixture
async def api(stack: RunningStack) -> AsyncIterator[Api]:
    """The first workspace's caller with all scopes."""
    async with Api(stack.credentials.url, stack.credentials.api_key) as made:
        yield made


@pytest.fixture
async def library(stack: RunningStack, api: Api, request: pytest.FixtureRequest) -> Library:
    """An empty knowledge base for one test."""
    return await Library.create(api, stack.credentials.workspace_id, request.node.name[:100])


@pytest.fixture(scope="session")
def shelf(stack: RunningStack) -> Shelf:
    """A knowledge base with documents of every kind, for tests that only read."""
    return asyncio.run(
        fill_shelf(stack.credentials.url, stack.credentials.api_key, stack.credentials.workspace_id)
    )


@pytest.fixture
def on_shelf(shelf: Shelf, api: Api) -> Library:
    """The filled knowledge base, for this test's event loop."""
    return Library(api, shelf.workspace_id, shelf.knowledge_base_id)


@pytest.fixture
async def story(stack: RunningStack) -> AsyncIterator[Story]:
    """The first workspace's caller, for the main stories."""
    async with open_story(stack.home / "credentials.json") as made:
        yield made


@pytest.fixture
def pause(stack: RunningStack) -> Pause:
    """`with pause("models"):` stops a part from working, without killing it."""

    @contextmanager
    def paused(name: str) -> Iterator[None]:
        pid = stack.part(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    return paused
