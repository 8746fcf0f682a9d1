"""The main stories: a document goes in, is found, answers a question with citations, and goes away."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from tests.e2e.story import Json, Story

BODY = """# Cancelling tasks

A task is cancelled by calling its cancel method. The coroutine then gets a CancelledError
at its next await, and may clean up in a finally block.

# Something else

The archive of the {mark} expedition is kept in the northern library.
"""
END = {"JobSucceeded", "JobFailed", "AnswerCompleted", "AnswerFailed"}
PATIENCE_SECONDS = 60.0


async def add(story: Story, mark: str) -> Json:
    """A new document that is searchable when this returns."""
    payload = await story.change(
        "add-text-document",
        knowledgeBaseId=story.credentials.knowledge_base_id,
        externalId=f"e2e/{mark}.md",
        title=f"Notes {mark}",
        source={"text": {"mediaType": "text/markdown", "body": BODY.format(mark=mark)}},
    )
    assert payload["created"] is True
    job_id = payload["job"]["id"]  # type: ignore[index]
    events = [event async for event in story.follow("follow-job", {"jobId": job_id})]
    assert events[-1]["__typename"] == "JobSucceeded", events[-1]
    return dict(payload["document"])  # type: ignore[call-overload]


async def search(story: Story, query: str, **changes: object) -> list[Json]:
    given = {"knowledgeBaseIds": [story.credentials.knowledge_base_id], "query": query, **changes}
    data = await story.run("search", {"input": given})
    return list(data["search"]["nodes"])  # type: ignore[index]


def titles(hits: list[Json]) -> list[str]:
    return [hit["chunk"]["documentVersion"]["document"]["title"] for hit in hits]  # type: ignore[index]


async def test_a_text_goes_in_is_followed_found_and_deleted(story: Story) -> None:
    mark = uuid4().hex[:10]
    document = await add(story, mark)
    for mode in ("HYBRID", "KEYWORD", "VECTOR"):
        filters = {"document": {"title": {"eq": f"Notes {mark}"}}}
        hits = await search(story, f"archive of the {mark} expedition", mode=mode, filter=filters)
        assert set(titles(hits)) == {f"Notes {mark}"}, mode
        assert any(mark in hit["chunk"]["text"] for hit in hits)  # type: ignore[index]
    deleted = await story.change("delete-document", id=document["id"])
    assert await search(story, mark, filter={"document": {"title": {"eq": f"Notes {mark}"}}}) == []
    receipt = {"id": deleted["receipt"]["id"]}  # type: ignore[index]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (await story.run("show-deletion", receipt))["node"]["completedAt"] is None:  # type: ignore[index]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    assert (await story.run("show-document", {"id": document["id"]}))["node"] is None


@pytest.mark.parametrize("transport", ["events", "socket"])
async def test_a_question_is_answered_with_citations_that_open_at_their_quote(
    story: Story, transport: str
) -> None:
    await add(story, uuid4().hex[:10])
    base = story.credentials.knowledge_base_id
    asked = await story.change(
        "ask-question",
        workspaceId=story.credentials.workspace_id,
        question="How is a task cancelled?",
        retrieval={"knowledgeBaseIds": [base], "query": ""},
    )
    answer_id = asked["answer"]["id"]  # type: ignore[index]
    follow = story.follow if transport == "events" else story.follow_by_socket
    events = [event async for event in follow("follow-answer", {"answerId": answer_id})]
    assert events[-1]["__typename"] == "AnswerCompleted", events[-1]
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)  # type: ignore[type-var]
    text = "".join(str(event["text"]) for event in events if event["__typename"] == "AnswerDelta")
    answer = (await story.run("show-answer", {"id": answer_id}))["node"]
    assert answer["status"] == "COMPLETED"  # type: ignore[index]
    assert text in str(answer["text"]) or str(answer["text"]) in text  # type: ignore[index]
    citations = answer["citations"]  # type: ignore[index]
    assert citations
    for citation in citations:
        version, place = citation["documentVersion"], citation["documentRange"]
        shown = await story.run(
            "show-document", {"id": version["document"]["id"], "start": place["start"], "end": place["end"]}
        )
        assert shown["node"]["currentVersion"]["text"] == citation["quote"]  # type: ignore[index]


async def test_a_file_that_is_sent_again_unchanged_starts_no_job(story: Story) -> None:
    mark = uuid4().hex[:10]
    content = f"The {mark} file holds one line.".encode()
    given = {"knowledgeBaseId": story.credentials.knowledge_base_id, "externalId": f"e2e/{mark}.txt"}
    first = await story.upload(f"{mark}.txt", content, **given)
    assert (first["created"], first["userErrors"]) == (True, [])
    job_id = first["job"]["id"]  # type: ignore[index]
    events = [event async for event in story.follow("follow-job", {"jobId": job_id})]
    assert events[-1]["__typename"] == "JobSucceeded"
    again = await story.upload(f"{mark}.txt", content, **given)
    assert (again["created"], again["job"]) == (False, None)


async def test_a_repeated_request_with_its_key_gives_the_first_result(story: Story) -> None:
    mark = uuid4().hex[:10]
    given = {
        "knowledgeBaseId": story.credentials.knowledge_base_id,
        "idempotencyKey": mark,
        "source": {"text": {"body": f"Once {mark}."}},
    }
    first = await story.change("add-text-document", **given)
    second = await story.change("add-text-document", **given)
    assert second["document"]["id"] == first["document"]["id"]  # type: ignore[index]
    other = {**given, "source": {"text": {"body": "Other."}}}
    payload = (await story.run("add-text-document", {"input": other}))["upsertDocument"]
    assert payload["userErrors"][0]["code"] == "IDEMPOTENCY_MISMATCH"  # type: ignore[index]


async def test_a_stream_is_resumed_behind_its_cursor(story: Story) -> None:
    payload = await story.change(
        "add-text-document",
        knowledgeBaseId=story.credentials.knowledge_base_id,
        source={"text": {"body": f"Resumed {uuid4().hex}."}},
    )
    job = {"jobId": payload["job"]["id"]}  # type: ignore[index]
    events = [event async for event in story.follow("follow-job", job)]
    assert events[-1]["__typename"] in END
    middle = events[len(events) // 2]
    rest = [event async for event in story.follow("follow-job", {**job, "after": middle["cursor"]})]
    assert [event["sequence"] for event in rest] == [
        event["sequence"] for event in events[len(events) // 2 + 1 :]
    ]


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [(b"", "empty.txt", "BLANK"), (b"MZ\x90\x00" * 100, "program.exe", "UNSUPPORTED_MEDIA_TYPE")],
)
async def test_what_cannot_be_ingested_is_refused_by_name(
    story: Story, content: bytes, name: str, code: str
) -> None:
    given = {"knowledgeBaseId": story.credentials.knowledge_base_id}
    payload = await story.upload(name, content, **given)
    assert payload["document"] is None
    assert payload["userErrors"][0]["code"] == code  # type: ignore[index]
