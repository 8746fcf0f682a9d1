"""Processes are killed without a word while people work: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.e2e.client import Api, Json
from tests.e2e.library import Library, eventually, external_id_of, succeed, unread
from tests.stack import RunningStack

DOCUMENTS = 20


def body_of(number: int) -> str:
    """Enough for a few passages, told apart by the number."""
    lines = [unread(f"Line {line} of ledger {number} names a cask of cider.") for line in range(60)]
    return f"# Ledger {number}\n\n" + "\n\n".join(lines)


async def passages_by_document(library: Library) -> Counter[str]:
    """How many passages each document has, as the documents themselves say."""
    counted: Counter[str] = Counter()
    for name, document in (await library.listed()).items():
        shown = await library.api.run("show-document", id=document["id"])
        counted[name] = shown["currentVersion"]["chunks"]["totalCount"]
    return counted


async def passages_by_search(library: Library, mode: str) -> list[Json]:
    """Every passage that a search finds, page by page."""
    hits: list[Json] = []
    after = None
    while True:
        page = await library.search("a cask of cider", mode, first=100, after=after)
        hits += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return hits


async def all_ready(library: Library) -> bool:
    documents = (await library.listed()).values()
    assert {document["status"] for document in documents} <= {"PENDING", "PROCESSING", "READY"}
    return all(document["status"] == "READY" for document in documents)


async def test_a_killed_worker_costs_no_document_and_doubles_none(
    library: Library, stack: RunningStack
) -> None:
    names = [f"ledger-{number}.md" for number in range(DOCUMENTS)]
    await asyncio.gather(*(library.add(name, body_of(place)) for place, name in enumerate(names)))

    async def under_way() -> bool:
        states = Counter(document["status"] for document in (await library.listed()).values())
        return states["READY"] > 0 and states["PROCESSING"] > 0

    await eventually(under_way, "the middle of the ingestion")
    killed = stack.kill("worker")
    await asyncio.to_thread(stack.wait_for_restart, "worker", killed)
    await eventually(lambda: all_ready(library), "every document ready")
    counted = await passages_by_document(library)
    assert set(counted) == set(names)
    for mode in ("VECTOR", "KEYWORD"):
        hits = await passages_by_search(library, mode)
        assert len({hit["chunk"]["id"] for hit in hits}) == len(hits)
        assert Counter(external_id_of(hit) for hit in hits) == counted
    node = await library.api.run("show-knowledge-base", id=library.id)
    assert node["activeIndex"]["chunkCount"] == counted.total()


async def test_without_valkey_documents_are_taken_in_and_finished(
    library: Library, stack: RunningStack
) -> None:
    killed = stack.kill("valkey")
    added = await asyncio.gather(*(library.add(f"{number}.md", body_of(number)) for number in range(3)))
    assert all(payload["job"]["status"] == "QUEUED" for payload in added)
    await asyncio.to_thread(stack.wait_for_restart, "valkey", killed)
    await eventually(lambda: all_ready(library), "every document ready")
    # Whoever follows a job whose events were lost hears its end nevertheless.
    for payload in added:
        await succeed(library.api, payload["job"]["id"])
    later = await library.shelve("later.md", "Cider again, after the storm.")
    assert later in {document["id"] for document in (await library.listed()).values()}
    answer = await library.ask("What does each line of ledger 2 name?")
    events = [event async for event in library.api.events("follow-answer", answerId=answer["answer"]["id"])]
    assert events[-1]["__typename"] == "AnswerCompleted"


async def test_a_killed_api_is_back_with_the_same_keys_and_documents(
    library: Library, stack: RunningStack
) -> None:
    document_id = await library.shelve("kept.md", "Kept through the crash.")
    before = stack.credentials
    killed = stack.kill("api")
    with pytest.raises(httpx.HTTPError):
        await use_until_it_fails(library.api)
    await asyncio.to_thread(stack.wait_for_restart, "api", killed)
    assert stack.credentials == before
    async with Api(before.url, before.api_key) as again:
        assert (await again.run("show-document", id=document_id))["status"] == "READY"
        same = Library(again, library.workspace_id, library.id)
        assert await same.found("through the crash") == {"kept.md"}


async def use_until_it_fails(api: Api) -> None:
    for _ in range(100):
        await api.run("viewer")


async def test_a_killed_database_is_back_with_everything_it_had_answered_for(
    library: Library, stack: RunningStack
) -> None:
    added = [await library.add(f"{number}.md", body_of(number)) for number in range(5)]
    killed = stack.kill("postgres")
    await asyncio.to_thread(stack.wait_for_restart, "postgres", killed)

    async def finished() -> bool:
        body = await library.api.result("list-documents", knowledgeBaseId=library.id)
        if body.get("errors"):
            assert {error["extensions"]["code"] for error in body["errors"]} == {"DATABASE_UNAVAILABLE"}
            return False
        documents = body["data"]["node"]["documents"]["nodes"]
        assert len(documents) == len(added)
        return all(document["status"] == "READY" for document in documents)

    await eventually(finished, "every document ready")


@pytest.mark.parametrize("part", ["milvus", "models"])
async def test_a_search_without_its_store_says_so_and_comes_back(
    part: str, library: Library, stack: RunningStack
) -> None:
    await library.shelve("found.md", "Found before and after.")
    killed = stack.kill(part)
    wanted = {"knowledgeBaseIds": [library.id], "query": "found before", "mode": "VECTOR"}
    codes: set[str] = set()

    async def answered() -> bool:
        body = await library.api.result("search", input=wanted)
        codes.update(error["extensions"]["code"] for error in body.get("errors", ()))
        return not body.get("errors")

    await eventually(answered, "a search that finds again")
    # Never an empty list: either what there is, or that the part is away.
    assert codes <= {"VECTOR_STORE_UNAVAILABLE", "MODEL_UNAVAILABLE"}
    await asyncio.to_thread(stack.wait_for_restart, part, killed)
    assert await library.found("found before", "VECTOR") == {"found.md"}
    await library.shelve("new.md", "Taken in afterwards.")
