"""A knowledge base of a test's own, and what people do with one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.e2e.client import FINAL_EVENTS, Api, Json

DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Library:
    """A knowledge base as one caller sees it."""

    api: Api
    workspace_id: str
    id: str

    @classmethod
    async def create(cls, api: Api, workspace_id: str, name: str, **given: object) -> Library:
        """A new one; several may have the same name."""
        made = await api.mutate("create-knowledge-base", workspaceId=workspace_id, name=name, **given)
        return cls(api, workspace_id, made["knowledgeBase"]["id"])

    async def add(self, external_id: str, body: str, **given: object) -> Json:
        """The payload of add-text-document."""
        source = {"text": {"mediaType": "text/markdown", "body": body}}
        return await self.api.mutate(
            "add-text-document", knowledgeBaseId=self.id, externalId=external_id, source=source, **given
        )

    async def shelve(self, external_id: str, body: str, **given: object) -> str:
        """Adds a text and waits until it can be found; the id of the document."""
        payload = await self.add(external_id, body, **given)
        await succeed(self.api, payload["job"]["id"])
        return str(payload["document"]["id"])

    async def upload(self, file_name: str, content: bytes, media_type: str, **given: object) -> Json:
        """The payload of upload-document; the external id is the name of the file."""
        return await self.api.upload(
            file_name, content, media_type, knowledgeBaseId=self.id, externalId=file_name, **given
        )

    async def search(
        self, query: str, mode: str = "HYBRID", first: int = 20, after: str | None = None, **given: object
    ) -> Json:
        """A page of hits."""
        wanted = {"knowledgeBaseIds": [self.id], "query": query, "mode": mode, **given}
        return dict(await self.api.run("search", input=wanted, first=first, after=after))

    async def found(self, query: str, mode: str = "HYBRID", **given: Any) -> set[str]:
        """External ids of the documents that a search finds."""
        return {external_id_of(hit) for hit in (await self.search(query, mode, **given))["nodes"]}

    async def listed(self, condition: Json | None = None) -> dict[str, Json]:
        """Documents that match a filter, by external id."""
        node = await self.api.run("list-documents", knowledgeBaseId=self.id, filter=condition, first=100)
        return {document["externalId"]: document for document in node["documents"]["nodes"]}

    async def ask(self, question: str, **given: object) -> Json:
        """The payload of ask-question, in a new conversation unless one is given."""
        return await self.api.mutate(
            "ask-question",
            workspaceId=self.workspace_id,
            question=question,
            retrieval={"knowledgeBaseIds": [self.id], "query": ""},
            **given,
        )


def unread(text: str) -> str:
    """The text with a word that no model has seen: vectors of known passages are kept and used again."""
    return f"{text} Mark {uuid4().hex}."


def external_id_of(hit: Json) -> str:
    """The external id of the document that a hit, or a citation, stands in."""
    version = hit["chunk"]["documentVersion"] if "chunk" in hit and "score" in hit else hit["documentVersion"]
    return str(version["document"]["externalId"])


async def follow_job(api: Api, job_id: str) -> list[Json]:
    """All events of a job, to its end."""
    return await gather(api.events("follow-job", jobId=job_id))


async def succeed(api: Api, job_id: str) -> list[Json]:
    """All events of a job that must succeed."""
    events = await follow_job(api, job_id)
    assert events[-1]["__typename"] == "JobSucceeded", events[-1]
    return events


async def failure(api: Api, job_id: str) -> Json:
    """Why a job failed that must fail for good."""
    events = await follow_job(api, job_id)
    assert events[-1]["__typename"] == "JobFailed", events[-1]
    return dict(events[-1]["failure"])


async def gather(events: AsyncGenerator[Json]) -> list[Json]:
    """All events of a stream that must end with a final one, and with nothing after that."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        found = [event async for event in events]
    assert [event["__typename"] in FINAL_EVENTS for event in found] == [False] * (len(found) - 1) + [True]
    return found


async def take(events: AsyncGenerator[Json], last: Callable[[Json], bool]) -> list[Json]:
    """Events up to the first that is `last`; then the connection is dropped."""
    taken: list[Json] = []
    async with asyncio.timeout(DEADLINE_SECONDS), aclosing(events):
        async for event in events:
            taken.append(event)
            if last(event):
                return taken
    raise AssertionError(f"the stream ended early: {taken}")


async def eventually(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Polls until it holds; fails the test when it never does."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await holds():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_SECONDS} s"
        await asyncio.sleep(0.1)
