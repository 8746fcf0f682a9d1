"""Documents change and go away: what search shows is always a whole version, and never a deleted one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.e2e.client import Api, Json
from tests.e2e.conftest import Pause
from tests.e2e.library import Library, eventually, follow_job, succeed, unread
from tests.stack import RunningStack

MODES = ("HYBRID", "VECTOR", "KEYWORD")


async def shown(api: Api, document_id: str) -> Json:
    return dict(await api.run("show-document", id=document_id))


async def test_the_old_version_is_found_until_the_new_one_is_ready(library: Library, pause: Pause) -> None:
    document_id = await library.shelve("menu.md", "Today there is pumpkin soup.")
    with pause("models"):
        stew = unread("Today there is lentil stew.")
        new = await library.add("menu.md", stew)
        assert (new["created"], new["document"]["id"]) == (False, document_id)

        async def under_way() -> bool:
            return bool((await library.listed())["menu.md"]["status"] == "PROCESSING")

        await eventually(under_way, "the start of the new version's ingestion")
        # The query needs no model here, which is asleep.
        assert await library.found("pumpkin soup", "KEYWORD") == {"menu.md"}
        assert await library.found("lentil", "KEYWORD") == set()
        assert (await library.listed())["menu.md"]["searchable"]
        assert (await shown(library.api, document_id))["currentVersion"]["number"] == 1
    await succeed(library.api, new["job"]["id"])
    for mode in MODES:
        texts = [hit["chunk"]["text"] for hit in (await library.search("soup or stew", mode))["nodes"]]
        assert texts == [stew]
    after = await shown(library.api, document_id)
    assert after["currentVersion"]["number"] == 2
    assert [version["number"] for version in after["versions"]["nodes"]] == [2, 1]


async def test_a_new_version_that_fails_leaves_the_old_one_searchable(library: Library) -> None:
    first = await library.upload("report.txt", b"The bridge was painted green.", "text/plain")
    await succeed(library.api, first["job"]["id"])
    broken = await library.upload("report.txt", b"%PDF-1.7 and nothing more", "application/pdf")
    events = await follow_job(library.api, broken["job"]["id"])
    assert events[-1]["failure"]["code"] == "CORRUPT"
    document = (await library.listed())["report.txt"]
    assert (document["status"], document["searchable"]) == ("FAILED", True)
    assert await library.found("What colour has the bridge?") == {"report.txt"}


async def test_a_document_is_found_by_its_new_tags_and_title_at_once(library: Library) -> None:
    document_id = await library.shelve("kite.md", "Kites need wind.", title="Kites", tags=["toys"])
    changed = await library.api.mutate(
        "update-document", id=document_id, tags=["sports"], title="Kite flying"
    )
    assert (changed["document"]["tags"], changed["document"]["version"]) == (["sports"], 2)
    # Wrong hits are kept out from the answer on; right ones may have to wait for the index.
    assert await library.found("kites", filter={"document": {"tags": {"hasAny": ["toys"]}}}) == set()
    await succeed(library.api, changed["job"]["id"])
    for condition in ({"tags": {"hasAny": ["sports"]}}, {"title": {"contains": "FLYING"}}):
        for mode in MODES:
            assert await library.found("kites", mode, filter={"document": condition}) == {"kite.md"}
    assert (await shown(library.api, document_id))["currentVersion"]["number"] == 1


async def test_what_an_update_leaves_out_stays(library: Library) -> None:
    document_id = await library.shelve("a.md", "Words.", title="Title", tags=["t"], metadata={"k": 1})
    await library.api.mutate("update-document", id=document_id, title="Other title")
    after = await shown(library.api, document_id)
    assert (after["title"], after["tags"], after["metadata"]) == ("Other title", ["t"], {"k": 1})
    unchanged = await library.api.mutate("update-document", id=document_id, title="Other title")
    assert (unchanged["job"], unchanged["document"]["version"]) == (None, 2)


async def test_a_change_that_expects_another_version_is_refused(library: Library) -> None:
    document_id = await library.shelve("v.md", "Versioned words.")
    await library.api.mutate("update-document", id=document_id, title="Second", expectedVersion=1)
    for operation in ("update-document", "delete-document"):
        given = {"title": "Third"} if operation == "update-document" else {}
        code = await library.api.refusal(operation, id=document_id, expectedVersion=1, **given)
        assert code == "CONFLICT"
    after = await shown(library.api, document_id)
    assert (after["title"], after["version"]) == ("Second", 2)


@pytest.mark.parametrize("attempt", range(3))
async def test_a_deleted_document_is_never_found(attempt: int, library: Library, stack: RunningStack) -> None:
    body = "The password of the vault is a secret. " * 40
    document_id = await library.shelve("vault.md", body)
    before = await shown(library.api, document_id)
    chunk_id = before["currentVersion"]["chunks"]["nodes"][0]["id"]
    deleted = await library.api.mutate("delete-document", id=document_id)
    # From the moment of the answer, in every way of looking.
    for mode in MODES:
        assert (await library.search("password of the vault", mode))["nodes"] == []
    assert await library.listed() == {}
    looked_up = [await library.api.run("show-document", id=document_id)]
    looked_up.append(await library.api.run("show-passage", id=chunk_id))
    found = await library.api.run("find-document", knowledgeBaseId=library.id, externalId="vault.md")
    assert [*looked_up, found["document"]] == [None, None, None]
    assert deleted["deletedId"] == document_id
    assert deleted["receipt"]["completedAt"] is None
    assert deleted["receipt"]["vectorsRemaining"] == before["currentVersion"]["chunks"]["totalCount"]
    await succeed(library.api, deleted["job"]["id"])
    receipt = await library.api.run("show-deletion", id=deleted["receipt"]["id"])
    assert receipt["vectorsRemaining"] == 0
    assert receipt["completedAt"] > receipt["requestedAt"]
    async with httpx.AsyncClient(trust_env=False) as anybody:
        gone = await anybody.get(before["currentVersion"]["downloadUrl"])
    assert gone.status_code == 404
    assert not any(body.encode() == path.read_bytes() for path in _files(stack.home / "blobs"))


async def test_a_document_deleted_while_it_is_read_in_never_appears(library: Library, pause: Pause) -> None:
    with pause("models"):
        added = await library.add("brief.md", unread("A life of moments."))

        async def under_way() -> bool:
            return bool((await library.listed())["brief.md"]["status"] == "PROCESSING")

        await eventually(under_way, "the start of the ingestion")
        deleted = await library.api.mutate("delete-document", id=added["document"]["id"])
        assert await library.listed() == {}
    await succeed(library.api, deleted["job"]["id"])
    for mode in MODES:
        assert await library.found("moments of life", mode) == set()


async def test_a_deleted_external_id_can_be_used_again(library: Library) -> None:
    first = await library.shelve("phoenix.md", "The first bird.")
    await library.api.mutate("delete-document", id=first)
    second = await library.shelve("phoenix.md", "The second bird.")
    assert second != first
    texts = [hit["chunk"]["text"] for hit in (await library.search("bird"))["nodes"]]
    assert texts == ["The second bird."]


async def test_a_repeated_request_acts_once(library: Library) -> None:
    key = str(uuid4())
    given: Json = {"idempotencyKey": key, "knowledgeBaseId": library.id}
    source = {"text": {"body": "Said once."}}
    first = await library.api.mutate("add-text-document", source=source, **given)
    again = await library.api.mutate("add-text-document", source=source, **given)
    assert (again["document"]["id"], again["created"]) == (first["document"]["id"], True)
    assert again["job"]["id"] == first["job"]["id"]
    other = {"text": {"body": "Said otherwise."}}
    assert await library.api.refusal("add-text-document", source=other, **given) == "IDEMPOTENCY_MISMATCH"
    assert len(await library.listed()) == 1


async def test_repeated_deletions_and_changes_answer_alike(library: Library) -> None:
    document_id = await library.shelve("r.md", "Repeated.")
    key = str(uuid4())
    change = {"id": document_id, "title": "New", "idempotencyKey": key}
    versions = [
        (await library.api.mutate("update-document", **change))["document"]["version"] for _ in range(2)
    ]
    assert versions == [2, 2]
    delete = {"id": document_id, "idempotencyKey": str(uuid4())}
    receipts = [(await library.api.mutate("delete-document", **delete))["receipt"]["id"] for _ in range(2)]
    assert receipts[0] == receipts[1]
    assert await library.api.refusal("delete-document", id=document_id) == "NOT_FOUND"


async def test_a_question_asked_again_with_its_key_is_one_answer(library: Library) -> None:
    key = str(uuid4())
    answers = [(await library.ask("Is there an echo?", idempotencyKey=key))["answer"]["id"] for _ in "12"]
    assert answers[0] == answers[1]


async def test_the_same_document_sent_fifty_times_at_once_is_one_document(library: Library) -> None:
    payloads = await asyncio.gather(*(library.add("one.md", "There can be only one.") for _ in range(50)))
    assert len({payload["document"]["id"] for payload in payloads}) == 1
    assert [payload["created"] for payload in payloads].count(True) == 1
    (job_id,) = {payload["job"]["id"] for payload in payloads if payload["job"]}
    await succeed(library.api, job_id)
    assert len((await library.search("only one"))["nodes"]) == 1


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_deleted_knowledge_base_is_gone_at_once_and_its_receipt_completes(library: Library) -> None:
    names = [f"page-{number}.md" for number in range(4)]
    kept = [await library.shelve(name, unread(f"The {name} names a cask of cider.")) for name in names]
    asked = await library.ask("What does page-2.md name?")
    answer_id = asked["answer"]["id"]
    async for _ in library.api.events("follow-answer", answerId=answer_id):
        continue
    before = await library.api.run("show-answer", id=answer_id)
    deleted = await library.api.mutate("delete-knowledge-base", id=library.id)
    assert deleted["receipt"]["documentsRemaining"] == len(names)
    assert deleted["receipt"]["vectorsRemaining"] >= len(names)
    for mode in MODES:
        wanted = {"knowledgeBaseIds": [library.id], "query": "a cask of cider", "mode": mode}
        body = await library.api.result("search", input=wanted)
        assert [error["extensions"]["code"] for error in body["errors"]] == ["NOT_FOUND"]
    assert await library.api.run("show-knowledge-base", id=library.id) is None
    assert await library.api.run("show-document", id=kept[0]) is None

    async def complete() -> bool:
        receipt = await library.api.run("show-deletion", id=deleted["receipt"]["id"])
        return receipt["completedAt"] is not None

    await eventually(complete, "the end of the deletion")
    receipt = await library.api.run("show-deletion", id=deleted["receipt"]["id"])
    assert (receipt["documentsRemaining"], receipt["vectorsRemaining"]) == (0, 0)
    after = await library.api.run("show-answer", id=answer_id)
    assert after["text"] == before["text"]
    quotes = [[citation["quote"] for citation in shown["citations"]] for shown in (before, after)]
    assert quotes[0] == quotes[1]
    conversation_id = asked["conversation"]["id"]
    await library.api.mutate("delete-conversation", id=conversation_id)
    assert await library.api.run("show-answer", id=answer_id) is None
    assert await library.api.run("show-conversation", id=conversation_id) is None
